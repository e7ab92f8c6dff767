"""Thousands of small recordings: few part files, nothing but the last seconds lost by a kill, any order and size."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectssm.store import atomic, parts, shards, track
from affectssm.store.shards import ResumableShard, ShardReader, Track
from tests.killed import killed_at
from tests.store.helpers import CARD, fault, made

DTYPES = {"half": np.float16, "single": np.float32}
Tracks = dict[str, dict[str, Track]]


def assert_same(path: Path, expected: Tracks) -> None:
    """Bit for bit, types and rates included."""
    with ShardReader(path) as reader:
        assert reader.recordings == sorted(expected)
        assert reader.keys() == [(name, who) for name in sorted(expected) for who in sorted(expected[name])]
        for name, who in reader.keys():  # noqa: SIM118 - not a mapping
            found, wanted = reader.track(name, who), expected[name][who]
            for part in ("value", "time", "valid"):
                got, want = getattr(found, part), getattr(wanted, part)
                assert got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes()
            assert found.rate == wanted.rate
            info = reader.info(name, who)
            assert (info.rows, info.dim, info.dtype) == (*wanted.value.shape, wanted.value.dtype)
            cut = slice(len(wanted.time) // 3, len(wanted.time) // 2)
            assert reader.values(name, who, cut.start, cut.stop).tobytes() == wanted.value[cut].tobytes()
            time, valid = reader.times(name, who)
            assert time.tobytes() == wanted.time.tobytes() and valid.tobytes() == wanted.valid.tobytes()


names = st.text(st.characters(codec="ascii"), min_size=1, max_size=12).map(
    lambda text: f"r{text.encode().hex()}-"
)
people = st.dictionaries(
    st.sampled_from(["-a", "ü", "speaker", "b c"]),
    st.tuples(
        st.integers(0, 1000),
        st.sampled_from([0, 1, 2, 30, 400]),
        st.sampled_from([1, 3]),
        st.sampled_from(list(DTYPES)),
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(
    planned=st.dictionaries(names, people, max_size=12),
    stop=st.integers(0, 12),
    limit=st.integers(1, 5),
    held=st.sampled_from([0, 2000, 1 << 22]),
    piece=st.sampled_from([100, 5000, 1 << 22]),
)
def test_any_sizes_in_any_order_come_back_after_a_stop(
    planned: dict, stop: int, limit: int, held: int, piece: int
) -> None:
    expected = {
        name: {who: made(seed, rows, dim, DTYPES[kind]) for who, (seed, rows, dim, kind) in tracks.items()}
        for name, tracks in planned.items()
    }
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "COMMIT_RECORDINGS", limit)
        patch.setattr(parts, "HELD_BYTES", held)
        patch.setattr(track, "PIECE_BYTES", piece)
        path = Path(folder, "s00.h5")
        first = ResumableShard(path, CARD)  # killed: what waits is lost
        for name in list(expected)[:stop]:
            first.write(name, f"c{name}", expected[name], [fault(name)])
        lost = 0
        with ResumableShard(path, CARD) as shard:
            for name, tracks in expected.items():
                if not shard.done(name, f"c{name}"):
                    lost += name in list(expected)[:stop]
                    shard.write(name, f"c{name}", tracks, [fault(name)])
        assert lost < limit
        assert shard.finish() == [fault(name) for name in sorted(expected)]
        assert_same(path, expected)
        assert [each.name for each in Path(folder).iterdir()] == ["s00.h5"]


def test_many_recordings_share_a_part_and_a_long_one_has_its_own(tmp_path: Path) -> None:
    expected = {f"c{number:04d}": {"speaker": made(number, 5)} for number in range(600)}
    expected["long"] = {"speaker": made(0, 60_000, 20)}
    with ResumableShard(tmp_path / "s00.h5", CARD) as shard:
        for name, tracks in expected.items():
            shard.write(name, "c", tracks)
        held = [ShardReader(part).recordings for part in sorted(shard.parts.iterdir())]
        assert [len(names) for names in held] == [256, 256, 1] and held[-1] == ["long"]
    assert len(list(shard.parts.iterdir())) == 4
    shard.finish()
    assert_same(shard.path, expected)


def test_what_is_held_is_put_in_place_by_its_size_and_by_the_clock(tmp_path: Path, monkeypatch) -> None:
    def count() -> int:
        return len(list(shard.parts.iterdir()))

    shard = ResumableShard(tmp_path / "s00.h5", CARD)
    for number in range(4):
        shard.write(f"{number}", "c", {"speaker": made(number, 9000, 74)})  # 2.7 MB
    assert count() == 1
    now = [0.0]
    monkeypatch.setattr(shards.time, "monotonic", lambda: now[0])
    shard.write("small", "c", {"speaker": made(0, 5)})
    assert count() == 1
    now[0] += shards.COMMIT_SECONDS
    shard.write("next", "c", {"speaker": made(1, 5)})
    assert count() == 2


KILLED = """
import sys, time
import numpy as np
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track

with ResumableShard(sys.argv[1], make_card("test", ["affectssm.errors"], {})) as shard:
    for number in range(100_000):
        track = Track(np.full((50, 74), number, np.float32), np.arange(50.0), np.ones(50, bool), 25.0)
        shard.write(f"c{number:05d}", "c", {"speaker": track})
        print(number, flush=True)
"""


def test_a_sigkill_loses_less_than_a_part(tmp_path: Path) -> None:
    path = tmp_path / "s00.h5"
    with subprocess.Popen([sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reached = next(int(line) for line in process.stdout if int(line) >= 700)
        process.kill()
        reached = max([reached, *map(int, process.stdout.read().split()[:-1])])
    assert process.returncode == -signal.SIGKILL
    shard = ResumableShard(path, CARD)
    done = [number for number in range(reached + 300) if shard.done(f"c{number:05d}", "c")]
    assert done == list(range(len(done)))
    assert reached - 256 <= len(done)
    shard.finish()
    with ShardReader(path) as reader:
        assert len(reader.recordings) == len(done)
        for number in done[:: len(done) // 20]:
            assert (reader.track(f"c{number:05d}", "speaker").value == number).all()


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_interrupted_while_a_file_is_put_in_place(tmp_path: Path, monkeypatch, call: int) -> None:
    """Three parts and the merged file: an interruption at any of them leaves whole files and nothing else."""
    expected = {f"c{number}": {"speaker": made(number, 5)} for number in range(6)}
    monkeypatch.setattr(shards, "COMMIT_RECORDINGS", 2)

    def run() -> None:
        shard = ResumableShard(tmp_path / "s00.h5", CARD)
        for name, tracks in expected.items():
            if not shard.done(name, "c"):
                shard.write(name, "c", tracks)
        shard.finish()

    with monkeypatch.context() as patch:
        killed_at(patch, atomic.os, "replace", call)
        if call <= 4:
            with pytest.raises(KeyboardInterrupt):
                run()
            assert not (tmp_path / "s00.h5").exists()
            found = list((tmp_path / "s00.h5.parts").iterdir())
            assert len(found) == call - 1 and all(ShardReader(part).recordings for part in found)
        else:
            run()
    run()
    assert_same(tmp_path / "s00.h5", expected)


def test_an_error_loses_the_recording_in_hand_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), ResumableShard(tmp_path / "s00.h5", CARD) as shard:
        shard.write("001", "c", {"speaker": made(1, 5)})
        with shard.recording("002", "c") as part:
            part.append("speaker", made(2, 5))
            raise ValueError("stop")
    again = ResumableShard(tmp_path / "s00.h5", CARD)
    assert again.done("001", "c") and not again.done("002", "c")


def test_a_recording_written_again_counts_once_as_it_was_last(tmp_path: Path, monkeypatch) -> None:
    for limit in (1, 256):
        monkeypatch.setattr(shards, "COMMIT_RECORDINGS", limit)
        shard = ResumableShard(tmp_path / f"{limit}.h5", CARD)
        for seed, content in enumerate(("old", "new")):
            shard.write("001", content, {"speaker": made(seed, 5)}, [fault("001")])
        assert shard.done("001", "new") and not shard.done("001", "old")
        assert shard.finish() == [fault("001")]
        assert_same(shard.path, {"001": {"speaker": made(1, 5)}})


def test_what_no_longer_belongs_to_the_shard_is_not_merged(tmp_path: Path) -> None:
    with ResumableShard(tmp_path / "s00.h5", CARD) as shard:
        shard.write("gone", "c", {"speaker": made(1, 5)}, [fault("gone")])
        shard.write("here", "c", {"speaker": made(2, 5)})
    again = ResumableShard(tmp_path / "s00.h5", CARD)
    assert again.done("here", "c")
    assert again.finish() == []
    assert_same(again.path, {"here": {"speaker": made(2, 5)}})


def test_the_card_stays_small_whatever_the_number_of_recordings(tmp_path: Path) -> None:
    """HDF5 refuses attributes beyond 64 KB."""
    with ResumableShard(tmp_path / "s00.h5", CARD) as shard:
        for number in range(3000):
            shard.write(f"recording-{number}", "0" * 32, {}, [fault(f"recording-{number}")])
        assert len(shard.finish()) == 3000
    with ShardReader(shard.path) as reader:
        assert len(reader.file.attrs["card"]) < 4000
        assert len(reader.recordings) == 3000 and reader.faults("recording-7") == [fault("recording-7")]


REFUSED = """
import os, resource, signal, sys
import numpy as np
from affectssm.errors import DataError
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
shard = ResumableShard(sys.argv[1], make_card("test", ["affectssm.errors"], {}))
track = Track(np.ones((120_000, 30), np.float32), np.arange(120_000.0), np.ones(120_000, bool), 25.0)
if sys.argv[2] == "merge":
    shard.write("001", "c", {"speaker": track})
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
try:
    shard.finish() if sys.argv[2] == "merge" else shard.write("001", "c", {"speaker": track})
except DataError as error:
    print(error, flush=True)
print(len(list(shard.parts.iterdir())), flush=True)
os._exit(0)  # HDF5 would try to write what it still holds
"""


@pytest.mark.parametrize(("what", "left"), [("merge", 1), ("long", 0)])
def test_a_write_that_fails_half_way_through_a_large_file(tmp_path: Path, what: str, left: int) -> None:
    """In a process of its own: HDF5 does not recover from it."""
    command = [sys.executable, "-c", REFUSED, str(tmp_path / "s00.h5"), what]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "writing failed" in done.stdout
    assert done.stdout.splitlines()[-1] == f"{left}"
    assert [path.name for path in tmp_path.iterdir()] == ["s00.h5.parts"]
