"""Computational sequences: what is read of them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from affectssm.media.csd import Csd
from affectssm.media.probe import MediaError, UnsafeFileError
from tests.corpora.clip_corpora import steps, write_csd

ROWS = np.arange(20.0).reshape(10, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_csd(
        tmp_path / "x.csd", "All Labels", {"-b": (ROWS, steps(1, 6, 10)), "a": (ROWS[:2], steps(0, 1, 2))}
    )


def test_the_only_group_is_the_root_whatever_its_name(path: Path) -> None:
    with Csd(path) as found:
        assert (found.root, found.videos) == ("All Labels", ["-b", "a"])
        sizes = {video: (shape, ends.tolist()) for video, shape, ends in found.sizes()}
        assert sizes == {"-b": ((10, 2), [1, 6]), "a": ((2, 2), [0, 1])}


@pytest.mark.parametrize(("start", "end"), [(-np.inf, np.inf), (2, 3.6), (2.25, 2.75), (6, 9), (3, 3)])
def test_rows_whose_middles_lie_within_a_time_are_read(path: Path, start: float, end: float) -> None:
    middles = 1.25 + 0.5 * np.arange(10)
    inside = (middles >= start) & (middles < end)
    with Csd(path) as found:
        features, intervals = found.read("-b", start, end)
    assert np.array_equal(features, ROWS[inside]) and np.array_equal(intervals.mean(axis=1), middles[inside])


def test_intervals_in_any_order_find_their_rows(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(10)
    path = write_csd(tmp_path / "x.csd", "x", {"a": (ROWS[order], steps(0, 10, 10)[order])})
    with Csd(path) as found:
        features, intervals = found.read("a", 2, 5)
    assert sorted(features[:, 0].tolist()) == [4, 6, 8]
    assert np.array_equal(features[:, 0] / 2, intervals[:, 0])


def test_what_is_no_file_of_sequences_is_refused(tmp_path: Path, path: Path) -> None:
    broken = {
        "text": b"no HDF5",
        "cut": path.read_bytes()[:900],
        "empty": b"",
    }
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MediaError, match="computational sequence"):
            Csd(tmp_path / name)
    with pytest.raises(MediaError):
        Csd(tmp_path)
    with h5py.File(tmp_path / "two.csd", "w") as file:
        file.create_group("one/data")
        file.create_group("two/data")
    with pytest.raises(MediaError, match="2 groups at the top"):
        Csd(tmp_path / "two.csd")


def test_a_video_of_other_shapes_costs_itself_alone(tmp_path: Path) -> None:
    words = np.array([[b"sp"], [b"so"]])
    held = {
        "words": (words, steps(0, 1, 2)),
        "short": (ROWS, steps(0, 1, 2)),
        "good": (ROWS, steps(0, 1, 10)),
    }
    with Csd(write_csd(tmp_path / "x.csd", "x", held)) as found:
        assert {video: shape for video, shape, _ in found.sizes()} == {
            "words": (),
            "short": (),
            "good": (10, 2),
        }
        for video in ("words", "short", "absent"):
            with pytest.raises(MediaError, match="computational sequence"):
                found.read(video)


def test_what_leads_out_of_the_file_is_not_followed(tmp_path: Path, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        data = file["All Labels/data"]
        data["linked"] = h5py.ExternalLink(str(path), "/All Labels/data/a")
        group = data.create_group("stored")
        (tmp_path / "secret").write_bytes(bytes(160))
        group.create_dataset("features", (10, 2), "f8", external=[(str(tmp_path / "secret"), 0, 160)])
        group["intervals"] = steps(0, 1, 10)
    with Csd(path) as found:
        for video in ("linked", "stored"):
            with pytest.raises(UnsafeFileError, match="leads out of the file"):
                found.read(video)
