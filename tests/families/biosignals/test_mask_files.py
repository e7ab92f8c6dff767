"""The files of masks: all of them, over shards, for the segments that are wanted, of the right run."""

from __future__ import annotations

import numpy as np
import pytest

from affectssm.adaptation.mask_files import SavedMasks, mask_file
from affectssm.adaptation.missing import draw, read_masks, write_masks
from affectssm.errors import DataError
from affectssm.families.biosignals.stages.masks import masks
from tests.families.biosignals.run_world import (
    EPOCHS,
    MODALITIES,
    ORDERED,
    SEED,
    TRIALS,
    choosing,
    write_masks_of,
    write_shard,
)
from tests.models.physio import SAMPLES

MISSING = {"patterns": ["modality", "channel", "sample"], "ratios": [0.2, 0.75]}
SHAPES = (ORDERED, SAMPLES)


def ids(*subjects):
    return [f"deap/{s}/v{t}/{e}" for s in subjects for t in range(TRIALS) for e in range(EPOCHS)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    shards = [write_shard(folder / "s00.h5", ["s02", "s01"]), write_shard(folder / "s01.h5", ["s03"])]
    return folder, [write_masks_of(folder, shard, MISSING) for shard in shards]


def test_a_shard_has_a_file_for_every_pattern_and_ratio_with_every_epoch_rated_or_not(world):
    _, (first, _) = world
    assert [path.name for path in first] == sorted(
        f"{pattern}-{ratio}.parquet" for pattern in MISSING["patterns"] for ratio in ("0.2", "0.75")
    )
    for pattern in MISSING["patterns"]:
        for ratio in MISSING["ratios"]:
            found = read_masks(mask_file(first[0].parent, pattern, ratio))
            expected = draw(ids("s02", "s01"), ORDERED, SAMPLES, ratio, SEED, pattern)
            assert found.segments == expected.segments and np.array_equal(found.present, expected.present)


def test_masks_are_joined_over_shards_and_no_other_is_held(world):
    _, (first, second) = world
    wanted = [*ids("s03")[4:9], *ids("s01")[:3]]
    saved = SavedMasks([*second, *first], SEED, SHAPES, wanted)
    for pattern in MISSING["patterns"]:
        held = saved.of(pattern, 0.75)
        assert sorted(held.segments) == sorted(wanted)
        expected = draw(held.segments, ORDERED, SAMPLES, 0.75, SEED, pattern)
        assert np.array_equal(held.present, expected.present)
        assert saved.of(pattern, 0.75) is held


def test_masks_of_no_wanted_segment_are_an_empty_file(world):
    _, (first, _) = world
    assert read_masks(first[0], []).present.shape[0] == 0


def test_what_is_not_there_or_of_another_run_is_refused(world, tmp_path):
    _, (first, _) = world
    with pytest.raises(DataError, match=r"masks of seed 5[\s\S]*seed 6"):
        SavedMasks(first, 6, SHAPES, [])
    with pytest.raises(DataError, match=r"no file of sample at 0\.4"):
        SavedMasks(first, SEED, SHAPES, []).of("sample", 0.4)
    for other in (
        ({**ORDERED, "eeg": 7}, SAMPLES),
        (dict(reversed(ORDERED.items())), SAMPLES),
        (ORDERED, 64),
    ):
        with pytest.raises(DataError, match="as the run"):
            SavedMasks(first, SEED, other, []).of("modality", 0.2)
    with pytest.raises(DataError, match="no card of missing-data masks"):
        SavedMasks([write_shard(tmp_path / "s00.h5", ["s01"]).with_suffix(".parquet")], SEED, SHAPES, [])
    with pytest.raises(DataError, match="no emg"):
        asked = choosing(missing=MISSING, modalities=["eeg", "emg"])
        masks(asked, [tmp_path / "s00.h5"], str(SEED), tmp_path)


@pytest.mark.parametrize("unit", MISSING["patterns"])
def test_a_part_of_a_file_is_that_part_in_the_files_order(unit, tmp_path):
    drawn = draw(ids("s01", "s02"), ORDERED, 7, 0.5, 1, unit)
    write_masks(tmp_path / "m.parquet", drawn, 0.5, 1)
    wanted = [drawn.segments[row] for row in (9, 2, 20)]
    part = read_masks(tmp_path / "m.parquet", wanted)
    assert part.segments == tuple(drawn.segments[row] for row in (2, 9, 20))
    assert np.array_equal(part.present, drawn.present[[2, 9, 20]])


def test_a_file_keeps_the_order_of_modalities(world):
    """It is the model's order; the units of a mask follow it."""
    _, (first, _) = world
    for path in first:
        assert list(read_masks(path).channels) == MODALITIES
