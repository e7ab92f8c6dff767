"""What a pickle may hold, and what it may not: nothing of a refused one runs."""

from __future__ import annotations

import pickle
import struct
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.media.pickles import read_pickle
from affectssm.media.probe import MediaError, UnsafeFileError

SEGMENTS = Path(__file__).resolve().parents[3] / "shared/media/sentiment/mosei_segments_valid.pkl"


def written(folder: Path, data: bytes) -> Path:
    path = folder / "x.dat"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        np.arange(24.0).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
        np.array(["a", "bcd", "ä"]),
        np.array([b"a", b"bcd"]),
        np.array([True, False]),
        np.arange(4, dtype=">f4"),
        np.empty((0, 3), np.float32),
        np.array([1, "two", [3.0]], dtype=object),
        np.float64(2.5),
        np.int64(-3),
        np.array(3 + 4j),
    ],
    ids=repr,
)
def test_arrays_and_scalars_survive_every_protocol(tmp_path: Path, protocol: int, value: Any) -> None:
    found = read_pickle(written(tmp_path, pickle.dumps({"x": [value, (value,)]}, protocol)))["x"]
    for each in (found[0], found[1][0]):
        assert np.asarray(each).dtype == np.asarray(value).dtype
        assert np.array_equal(each, value)


def test_plain_containers_survive_and_shared_parts_stay_shared(tmp_path: Path) -> None:
    part = [1, 2.5, "x", None, True, b"\0\xff", {1, 2}, frozenset([3])]
    loop: list = [part, part]
    loop.append(loop)
    found = read_pickle(written(tmp_path, pickle.dumps(loop, 2)))
    assert found[0] == part
    assert found[0] is found[1]
    assert found[2] is found


def test_a_python_2_pickle_is_read_as_latin_1(tmp_path: Path) -> None:
    # what Python 2.7's cPickle writes, protocol 2, for {'data': np.arange(2.), 'labels': 'caf\xe9'}
    values = np.arange(2.0).tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04"
        b"(K\x01K\x02\x85cnumpy\ndtype\nq\x05U\x02f8K\x00K\x01\x87Rq\x06"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U"
        + bytes([len(values)])
        + values
        + b"tb"
    )
    found = read_pickle(written(tmp_path, b"\x80\x02}q\x01(U\x04data" + array + b"U\x06labelsU\x04caf\xe9u."))
    assert found["labels"] == "caf\xe9"
    assert found["data"].dtype == np.float64
    assert np.array_equal(found["data"], [0, 1])


class Command:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_would_run_a_command_is_refused_by_name_and_runs_nothing(
    tmp_path: Path, protocol: int
) -> None:
    import os

    mark = tmp_path / "ran"
    bomb = pickle.dumps({"data": np.zeros(3), "labels": Command(os.system, f"touch {mark}")}, protocol)
    with pytest.raises(UnsafeFileError, match=r"asks for (posix|os|nt)\.system"):
        read_pickle(written(tmp_path, bomb))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (pickle.dumps(Command(eval, "1"), 2), r"(builtins|__builtin__)\.eval"),
        (pickle.dumps(Command(getattr, [], "append"), 4), r"builtins\.getattr"),
        (pickle.dumps(date(2020, 1, 1), 4), r"datetime\.date"),
        (b"cnumpy\nload\n(S'x'\ntR.", r"numpy\.load"),
        (b"cnumpy.core.multiarray\nfromfile\n(tR.", r"numpy\.core\.multiarray\.fromfile"),
        (b"(S'touch x'\nios\nsystem\n.", "INST"),
        (b"Pabc\n.", "PERSID"),
        (b"\x82\x01.", "EXT1"),
    ],
)
def test_everything_else_is_refused_by_name(tmp_path: Path, data: bytes, named: str) -> None:
    with pytest.raises(UnsafeFileError, match=named):
        read_pickle(written(tmp_path, data))


def test_allowed_names_cannot_be_called_for_anything_else(tmp_path: Path) -> None:
    for data in (
        b"cnumpy\nndarray\n(I100000000000\ntR.",  # an array of 100 GB
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I100000000000\ntS'b'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        b"c_codecs\nencode\n(V78\nS'hex_codec'\ntR.",
        b"cnumpy\ndtype\n(S'f8,f8'\ntR.",
        b"cnumpy\nndarray\n.",
    ):
        with pytest.raises(MediaError):
            read_pickle(written(tmp_path, data))


def test_a_pickle_that_would_only_fill_the_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError, match="memory place 4294967280"):
        read_pickle(written(tmp_path, b"\x80\x02]r" + struct.pack("<I", 0xFFFFFFF0) + b"."))
    with pytest.raises(UnsafeFileError, match=r"more than 20 bytes.*\n.*at most 20"):
        read_pickle(written(tmp_path, pickle.dumps("x" * 40)), max_bytes=20)
    promised = pickle.dumps(np.zeros(4), 2).replace(b"K\x04\x85", b"J\xff\xff\xff\x7f\x85")
    with pytest.raises(MediaError, match="bytes do not fit"):
        read_pickle(written(tmp_path, promised))
    with pytest.raises(MediaError, match="nested"):
        read_pickle(written(tmp_path, b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b"."))


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x02", b"no pickle", b"\x80\x63.", b"\x80\x02]]]]", b"\x8b\xff\xff\xff\x7f"]
)
def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(MediaError):
        read_pickle(written(tmp_path, data))


def test_every_cut_of_a_pickle_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"data": np.arange(5.0), "labels": np.ones((2, 2))}, 2)
    for end in range(len(whole)):
        with pytest.raises(MediaError):
            read_pickle(written(tmp_path, whole[:end]))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_large_arrays_stay_in_the_file_and_read_row_by_row(tmp_path: Path, protocol: int, order: str) -> None:
    value = np.asarray(np.random.default_rng(0).normal(size=(7, 50, 30)), order=order)
    path = written(tmp_path, pickle.dumps({"x": value, "again": [value], "small": np.arange(3)}, protocol))
    found = read_pickle(path, max_bytes=60_000 if protocol > 2 else 1 << 20, mapped_from=50_000)
    held = found["x"]
    assert isinstance(held, np.ndarray) == (protocol == 2 or order == "F")
    assert (held.shape, held.dtype, held.ndim, len(held)) == (value.shape, value.dtype, 3, 7)
    for key in (0, -1, slice(2, 5), slice(None, None, 3), slice(5, 2), slice(-2, None)):
        assert np.array_equal(held[key], value[key])
    assert np.array_equal(held, value) and found["again"][0] is held and found["small"][2] == 2
    with pytest.raises(IndexError):
        held[7]


def test_rows_are_read_without_the_memory_of_the_whole(tmp_path: Path) -> None:
    value = np.arange(1 << 22, dtype=np.float64).reshape(1 << 10, -1)  # 32 MB
    path = written(tmp_path, pickle.dumps({"train": value, "id": np.array(["x" * 300] * 1000)}, 4))
    tracemalloc.start()
    found = read_pickle(path)
    total = sum(float(found["train"][at].sum()) for at in range(len(found["train"])))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == value.sum() and peak < 1 << 20
    assert len(found["id"]) == 1000 and found["id"][3] == "x" * 300


def test_large_arrays_of_a_pickle_that_was_cut_or_lies_about_them_are_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"x": np.arange(33.0), "y": np.arange(33.0)}, 4)
    cut = len(whole) - 60
    for end in range(0, len(whole), 5):
        with pytest.raises(MediaError):
            read_pickle(written(tmp_path, whole[:end]), mapped_from=16)
    with pytest.raises(MediaError, match=f"the file ends at byte {cut}, and bytes up to"):
        read_pickle(written(tmp_path, whole[:cut]), mapped_from=16)
    promised = whole.replace(b"K!\x85", b'K"\x85')
    with pytest.raises(MediaError, match="264 bytes do not fit"):
        read_pickle(written(tmp_path, promised), mapped_from=16)
    found = read_pickle(written(tmp_path, whole), mapped_from=16)
    written(tmp_path, whole[:cut])
    with pytest.raises(DataError, match=f"ends at byte {cut}"):
        found["y"][32]


def test_large_bytes_that_are_no_array_are_loaded_as_far_as_the_limit_goes(tmp_path: Path) -> None:
    path = written(tmp_path, pickle.dumps([b"x" * 100, bytearray(b"y" * 100)], 5))
    assert read_pickle(path, mapped_from=50) == [b"x" * 100, b"y" * 100]
    with pytest.raises(UnsafeFileError, match="at most 150"):
        read_pickle(path, max_bytes=150, mapped_from=50)


def test_nothing_is_built_or_changed_but_arrays(tmp_path: Path) -> None:
    for data in (b"cnumpy\nndarray\n}(S'a'\nI1\nu\x86b.", b"c_codecs\nencode\n}b.", b"cnumpy\ndtype\n)\x81."):
        with pytest.raises(MediaError):
            read_pickle(written(tmp_path, data))


@pytest.mark.skipif(not SEGMENTS.is_file(), reason="needs the real media (../shared/media/sentiment)")
def test_a_real_pickle_of_another_corpus_reads() -> None:
    found = read_pickle(SEGMENTS)
    assert len(found) > 0
