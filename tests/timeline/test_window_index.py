"""The window index: every label frame once, on disk as in memory, large ones quickly."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from window_world import FRAMES, card

from affectssm.errors import DataError
from affectssm.store.parquet import read_parquet, write_parquet
from affectssm.timeline.clock import ratio
from affectssm.timeline.index import (
    SCHEMA,
    Target,
    read_windows,
    write_index,
)

TARGET = Target("noxi", "train", "main", "s00", "001", "expert", 400, 100, 25.0, ("novice",))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 3000), st.sampled_from([25, 100]))
def test_centres_cover_every_label_frame_once(label_frames, clock_hz):
    step = ratio(clock_hz, 25)
    frames = label_frames * step
    start = FRAMES.starts(frames)
    assert len(start) == -(-frames // 32)
    centre = start[:, None] + 32 + np.arange(32)
    assert (centre[:, ::step] % step == 0).all()  # label frames never straddle two windows
    covered = centre[centre < frames]
    np.testing.assert_array_equal(np.sort(covered), np.arange(frames))


def test_reads_what_was_written(world):
    index = world.index
    assert [len(t.partners) for t in index.targets] == [1, 1, 1, 1, 0, 3, 3, 3]
    for number, target in enumerate(index.targets):
        np.testing.assert_array_equal(index.start[index.target == number], FRAMES.starts(target.clock_frames))
    table = read_parquet(world.path).to_pydict()
    assert set(table["length"]) == {96}
    stop = dict(
        zip(zip(table["recording"], table["participant"], strict=True), table["target_stop"], strict=True)
    )
    assert stop["002", "novice"] == 77 * index.per_label


def test_select_keeps_whole_targets(world):
    index = world.index
    kept = index.select(lambda target: target.recording == "026")
    assert {target.recording for target in kept.targets} == {"026"}
    assert sorted(set(kept.target)) == [0, 1, 2]
    assert len(kept) == sum(len(FRAMES.starts(t.clock_frames)) for t in kept.targets)
    assert len(index.select(lambda _: False)) == 0


def test_an_empty_part_is_a_valid_file(tmp_path):
    write_index(tmp_path / "val.parquet", [], FRAMES, card(**FRAMES.told(25)))
    index = read_windows(tmp_path / "val.parquet")
    assert len(index) == 0 and not index.targets and len(index.select(lambda _: True)) == 0


def test_a_large_index_is_written_in_pieces(tmp_path):
    targets = (
        replace(TARGET, recording=f"{i:03d}", clock_frames=32000, label_frames=8000) for i in range(300)
    )
    write_index(tmp_path / "train.parquet", targets, FRAMES, card(**FRAMES.told(100)))
    index = read_windows(tmp_path / "train.parquet")
    assert len(index) == 300 * 1000 and len(index.targets) == 300
    np.testing.assert_array_equal(np.bincount(index.target), 1000)


def test_what_is_no_index_is_refused(tmp_path):
    with pytest.raises(DataError, match="absent"):
        read_windows(tmp_path / "absent.parquet")
    other = tmp_path / "other.parquet"
    write_parquet(other, {"a": [1]}, pa.schema([("a", "int64")]), card())
    with pytest.raises(DataError, match="columns"):
        read_windows(other)
    no_clock = tmp_path / "noclock.parquet"
    write_parquet(no_clock, SCHEMA.empty_table(), SCHEMA, card())
    with pytest.raises(DataError, match="per_label"):
        read_windows(no_clock)
