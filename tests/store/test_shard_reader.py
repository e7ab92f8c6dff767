"""Feature files are read by many at once, some open at a time, and refused where they are not what they should be."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.store.shards import OpenShards, ResumableShard, ShardReader
from tests.store.helpers import CARD, fault, made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two recordings, one of them without a track."""
    shard = ResumableShard(tmp_path / "s00.h5", CARD)
    shard.write("001", "c1", {"b": made(1, 10), "a": made(2, 4, 1, np.float16)})
    shard.write("-2", "c2", {}, [fault("-2")])
    shard.finish()
    return shard.path


def test_everything_is_found_by_name(path: Path) -> None:
    with ShardReader(path) as reader:
        assert dict(reader.contents) == {"-2": "c2", "001": "c1"} and reader.recordings == ["-2", "001"]
        assert reader.keys() == [("001", "a"), ("001", "b")]
        assert reader.participants("001") == ["a", "b"] and reader.participants("-2") == []
        assert ("001", "a") in reader and ("001", "c") not in reader and ("3", "a") not in reader
        assert reader.faults("-2") == [fault("-2")] and reader.faults("001") == []
        for missing in (("001", "c"), ("3", "a")):
            with pytest.raises(KeyError):
                reader.track(*missing)


@pytest.mark.parametrize(
    ("start", "stop"), [(None, None), (0, 3), (3, None), (8, 99), (10, 12), (5, 5), (6, 2), (-3, None)]
)
def test_rows_are_cut_as_an_array_is(path: Path, start: int | None, stop: int | None) -> None:
    with ShardReader(path) as reader:
        found, whole = reader.track("001", "b", start, stop), made(1, 10)
        for part in ("value", "time", "valid"):
            np.testing.assert_array_equal(getattr(found, part), getattr(whole, part)[start:stop])
        np.testing.assert_array_equal(reader.values("001", "b", start, stop), found.value)


def test_a_closed_file_is_opened_again_as_it_is_then(path: Path) -> None:
    reader = ShardReader(path)
    assert reader.recordings == ["-2", "001"]
    shard = ResumableShard(path, CARD)
    shard.write("new", "c", {"a": made(3, 5)})
    shard.finish()
    assert reader.recordings == ["-2", "001"]  # of the file that is open
    np.testing.assert_array_equal(reader.track("001", "b").value, made(1, 10).value)
    reader.close()
    assert reader.recordings == ["new"]
    reader.close()


def test_checking_names_the_track_and_the_file(path: Path) -> None:
    with ShardReader(path) as reader:
        reader.check("x")
    with h5py.File(path, "r+") as file:
        file["tables/float32x3/value"][7] = np.inf
    with (
        ShardReader(path) as reader,
        pytest.raises(DataError, match="001/b with values that are not finite") as caught,
    ):
        reader.check("final.h5")
    assert caught.value.where == "final.h5"


@pytest.mark.parametrize("content", [None, b"", b"torn"])
def test_what_is_absent_or_torn_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "s00.h5").write_bytes(content)
    with ShardReader(tmp_path / "s00.h5") as reader, pytest.raises(DataError, match="not readable as HDF5"):
        reader.keys()


def _sum(given: tuple[ShardReader, str]) -> float:
    reader, name = given
    return float(reader.track(name, "speaker").value.sum(dtype=np.float64))


def test_many_processes_read_one_file_at_once(tmp_path: Path) -> None:
    shard = ResumableShard(tmp_path / "s00.h5", CARD)
    for number in range(8):
        shard.write(f"{number}", "c", {"speaker": made(number, 50)})
    shard.finish()
    reader = ShardReader(shard.path)
    assert reader.recordings  # open here, too
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(_sum, [(reader, name) for name in reader.recordings]))
    assert found == [float(made(number, 50).value.sum(dtype=np.float64)) for number in range(8)]
    assert pickle.loads(pickle.dumps(reader)).path == reader.path  # noqa: S301 - pickled here


def test_few_files_are_open_at_a_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("affectssm.store.shard_reader.MOST_OPEN", 3)
    for number in range(7):
        shard = ResumableShard(tmp_path / f"{number}.h5", CARD)
        shard.write("001", "c", {"speaker": made(number, 5)})
        shard.finish()
    with OpenShards() as readers:
        for number in (*range(7), 0, 6):
            value = readers[tmp_path / f"{number}.h5"].track("001", "speaker").value
            np.testing.assert_array_equal(value, made(number, 5).value)
            assert len(readers._readers) <= 3


@pytest.mark.parametrize("harm", ["tracks", "recordings", "tracks/rows", "tables"])
def test_a_file_of_another_format_says_what_to_do(tmp_path: Path, harm: str) -> None:
    shard = ResumableShard(tmp_path / "s00.h5", CARD)
    shard.write("001", "c", {"speaker": made(0, 5)})
    shard.finish()
    with h5py.File(shard.path, "r+") as file:
        del file[harm]
    with (
        pytest.raises(DataError, match="no index that can be read") as caught,
        ShardReader(shard.path) as reader,
    ):
        reader.keys()
    assert "delete it and run again" in str(caught.value)


def test_an_index_beyond_its_table_is_refused(tmp_path: Path) -> None:
    shard = ResumableShard(tmp_path / "s00.h5", CARD)
    shard.write("001", "c", {"speaker": made(0, 5)})
    shard.finish()
    with h5py.File(shard.path, "r+") as file:
        file["tracks/rows"][0] = 6
    with pytest.raises(DataError, match="rows 0 to 6 of a table of 5"), ShardReader(shard.path) as reader:
        reader.keys()
