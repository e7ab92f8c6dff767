"""Missing-data masks: their shares, what they may depend on, and that they survive a file."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from affectssm.adaptation.missing import draw, read_masks, write_masks
from affectssm.errors import ConfigError, DataError
from affectssm.models.segments import there

CHANNELS = {"eeg": 6, "eog": 2, "gsr": 1}
IDS = [f"s01/{trial:02d}/{number}" for trial in range(40) for number in range(15)]
UNITS = ("modality", "channel", "sample")


def masks(ratio=0.4, seed=0, unit="modality", ids=IDS, samples=10):
    return draw(ids, CHANNELS, samples, ratio, seed, unit)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("ratio", [0.2, 0.4, 0.6, 0.8])
def test_the_share_is_the_ratio_less_what_must_stay(unit, ratio):
    drawn = masks(ratio, unit=unit)
    units = drawn.present.shape[1]
    assert units == {"modality": 3, "channel": 9, "sample": 90}[unit]
    expected = ratio - ratio**units / units  # one unit stays where all would go
    assert abs(drawn.missing_share - expected) < 0.03
    assert drawn.present.any(axis=1).all()
    # all units are alike
    assert np.ptp(drawn.present.mean(axis=0)) < 0.16


def test_nothing_and_all_but_one_at_the_ends():
    assert masks(0.0).present.all()
    assert (masks(1.0).present.sum(axis=1) == 1).all()


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_missing_stays_missing_at_higher_ratios(unit):
    ladder = [masks(ratio, unit=unit).present for ratio in (0.2, 0.4, 0.6, 0.8)]
    for less, more in pairwise(ladder):
        assert not (more & ~less).any() and (less & ~more).any()


@pytest.mark.parametrize("unit", UNITS)
def test_a_modality_is_there_unless_all_of_it_is_masked(unit):
    drawn = masks(0.9, unit=unit, samples=2)
    rng = torch.Generator().manual_seed(0)
    signals = {name: torch.randn(len(IDS), count, 2, generator=rng) for name, count in CHANNELS.items()}
    found = there(drawn.apply(signals, IDS))
    sizes = {"modality": [1, 1, 1], "channel": [6, 2, 1], "sample": [12, 4, 2]}[unit]
    parts = np.split(drawn.present, np.cumsum(sizes)[:-1], axis=1)
    for (name, own), part in zip(found.items(), parts, strict=True):
        assert own.tolist() == part.any(axis=1).tolist(), name
        assert 0 < own.sum() < len(own)


def test_a_mask_depends_on_seed_and_segment_alone():
    whole = masks()
    part = masks(ids=IDS[100:50:-1])
    assert np.array_equal(part.present, whole.present[100:50:-1])
    assert np.array_equal(whole.present, masks().present)
    assert not np.array_equal(whole.present, masks(seed=1).present)
    agree = (whole.present == masks(seed=1).present).mean()
    assert 0.4 < agree < 0.65  # 0.52 for independent ones


@pytest.mark.parametrize("unit", UNITS)
def test_missing_units_are_zero_and_the_rest_untouched(unit):
    drawn = masks(0.5, unit=unit)
    rng = torch.Generator().manual_seed(0)
    ids = [IDS[7], IDS[3], IDS[500]]
    signals = {name: 1 + torch.rand(3, count, 10, generator=rng) for name, count in CHANNELS.items()}
    found = drawn.apply({name: signals[name] for name in reversed(signals)}, ids)
    assert list(found) == list(CHANNELS)
    for row, name in enumerate(ids):
        flags = iter(drawn.present[IDS.index(name)].tolist())
        for modality, count in CHANNELS.items():
            whole = next(flags) if unit == "modality" else None
            for channel in range(count):
                kept = next(flags) if unit == "channel" else whole
                for sample in range(10):
                    there = next(flags) if unit == "sample" else kept
                    expected = signals[modality][row, channel, sample] if there else 0.0
                    assert found[modality][row, channel, sample] == expected
        assert next(flags, None) is None


def test_a_segment_without_a_mask_is_an_error():
    with pytest.raises(DataError, match="s99/00/0 and 0 more"):
        masks().apply({name: torch.ones(1, c, 10) for name, c in CHANNELS.items()}, ["s99/00/0"])


def test_wrong_ratios_and_repeated_segments_are_refused():
    with pytest.raises(ConfigError, match=r"1\.2"):
        masks(1.2)
    with pytest.raises(ConfigError, match="twice"):
        masks(ids=["a", "a"])


@pytest.mark.parametrize("unit", UNITS)
def test_a_file_gives_back_what_was_drawn(unit, tmp_path):
    drawn = masks(0.6, unit=unit)
    write_masks(tmp_path / "masks.parquet", drawn, 0.6, 0)
    found = read_masks(tmp_path / "masks.parquet")
    assert (found.segments, found.channels, found.samples, found.unit) == (
        drawn.segments, CHANNELS, 10, unit,
    )  # fmt: skip
    assert np.array_equal(found.present, drawn.present) and found.present.dtype == bool


def test_a_file_that_holds_no_masks_is_an_error(tmp_path):
    with pytest.raises(DataError, match="not readable"):
        read_masks(tmp_path / "absent.parquet")
