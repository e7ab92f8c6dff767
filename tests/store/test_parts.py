"""One recording in the making: what may be appended, what is taken back, and when it gets a file of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.store import parts
from affectssm.store.card import make_card
from affectssm.store.parts import PartWriter
from affectssm.store.shard_reader import ShardReader
from affectssm.store.shard_writer import ShardWriter
from affectssm.store.track import Track

CARD = make_card("test", ["affectssm.errors"], {})


def block(first: int = 0, rows: int = 4, dim: int = 3, seed: int = 0) -> Track:
    value = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return Track(value, (first + np.arange(rows)) / 25, np.ones(rows, bool), 25.0)


@contextmanager
def written(folder: Path) -> Iterator[PartWriter]:
    """A part that ends in ``folder/out.h5``, whether it outgrew memory or not."""
    with h5py.File(folder / "out.h5", "w") as file:
        writer = ShardWriter(file)
        part = PartWriter(folder, "001", "c", lambda: writer)
        yield part
        if part.file is None:
            part.write(writer)
        writer.add_faults(part.faults)
        writer.close(CARD)


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Small recordings are held; with no room in memory all of them go to a file at once."""
    if request.param == "file":
        monkeypatch.setattr(parts, "HELD_BYTES", 0)
    return tmp_path


def test_tracks_come_back_block_by_block(place: Path) -> None:
    with written(place) as part:
        for who in ("b", "a"):
            for number in range(3):
                part.append(who, block(4 * number, seed=number))
        part.append("empty", block(rows=0))
    with ShardReader(place / "out.h5") as reader:
        assert reader.participants("001") == ["a", "b", "empty"]
        for who in ("a", "b"):
            expected = np.concatenate([block(seed=number).value for number in range(3)])
            np.testing.assert_array_equal(reader.track("001", who).value, expected)
            np.testing.assert_array_equal(reader.track("001", who).time, np.arange(12) / 25)
        assert reader.info("001", "empty").rows == 0 and reader.info("001", "empty").dim == 3


def test_what_is_taken_back_leaves_no_row(place: Path) -> None:
    with written(place) as part:
        part.append("a", block(seed=1))
        part.append("b", block(seed=2))
        part.append("b", block(4, dim=3, seed=3))
        part.discard("b")
        part.discard("nobody")
        part.append("b", block(dim=2, seed=4))
        part.append("c", block(seed=5))
    with ShardReader(place / "out.h5") as reader:
        assert reader.keys() == [("001", "a"), ("001", "b"), ("001", "c")]
        for who, dim, seed in (("a", 3, 1), ("b", 2, 4), ("c", 3, 5)):
            np.testing.assert_array_equal(reader.track("001", who).value, block(dim=dim, seed=seed).value)
        assert len(reader.file["tables/float32x3/value"]) == 8


@pytest.mark.parametrize(
    "wrong",
    [
        block(4, dim=2),
        replace(block(4), value=block().value.astype(np.float16)),
        replace(block(4), rate=50.0),
    ],
    ids=["dimension", "type", "rate"],
)
def test_the_blocks_of_a_track_are_alike(place: Path, wrong: Track) -> None:
    with written(place) as part:
        part.append("a", block())
        with pytest.raises(ValueError, match="a block"):
            part.append("a", wrong)


def test_one_track_follows_another(place: Path) -> None:
    with written(place) as part:
        part.append("a", block())
        with pytest.raises(DataError, match="do not increase"):
            part.append("a", block(3))
        part.append("b", block())
        with pytest.raises(ValueError, match="has ended"):
            part.append("a", block(4))


def test_arrays_may_be_used_again_by_whoever_made_them(place: Path) -> None:
    given = block()
    with written(place) as part:
        part.append("a", given)
        for array in (given.value, given.time, given.valid):
            array[:] = 0
    with ShardReader(place / "out.h5") as reader:
        np.testing.assert_array_equal(reader.track("001", "a").value, block().value)


def test_only_what_outgrows_memory_gets_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HELD_BYTES", 500)
    with written(tmp_path) as part:
        for number in range(10):
            part.append("a", block(4 * number))
            assert part.bytes <= 500
        assert part.file is not None
    with ShardReader(tmp_path / "out.h5") as reader:
        assert reader.info("001", "a").rows == 40
