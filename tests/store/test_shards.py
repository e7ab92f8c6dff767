"""Feature files resume by recording and refuse what is not whole."""

import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.store.card import make_card, read_card
from affectssm.store.faults import Fault
from affectssm.store.shards import ResumableShard, ShardReader, Track


def card(**settings):
    return make_card("test", ["affectssm.errors"], settings)


def track(rows=5, dim=3, seed=0):
    value = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return Track(value, (np.arange(rows) + 0.5) / 25, np.ones(rows, bool), 25.0)


def test_round_trip(tmp_path):
    path = tmp_path / "s00.h5"
    shard = ResumableShard(path, card())
    shard.write("001", "c1", {"expert": track(seed=1), "novice": track(seed=2)})
    shard.write("002", "c2", {})
    shard.finish()
    with ShardReader(path) as reader:
        assert reader.keys() == [("001", "expert"), ("001", "novice")]
        assert reader.recordings == ["001", "002"]
        assert ("001", "expert") in reader and ("002", "expert") not in reader
        np.testing.assert_array_equal(reader.track("001", "novice").value, track(seed=2).value)
        np.testing.assert_array_equal(reader.track("001", "novice", 1, 3).time, track().time[1:3])
        assert reader.info("001", "expert").dim == 3
    assert read_card(path)["stage"] == "test"
    assert [p.name for p in tmp_path.iterdir()] == ["s00.h5"]


def test_resume_by_recording_keeps_faults(tmp_path):
    path = tmp_path / "s00.h5"
    fault = Fault("noxi", "001", "expert", "video", "no_face", "0 of 5", "a face", "masked")
    with ResumableShard(path, card()) as shard:
        shard.write("001", "c1", {"expert": track()}, [fault])
    again = ResumableShard(path, card())
    assert again.done("001", "c1") and not again.done("002", "c2")
    assert again.finish() == [fault]


@pytest.mark.parametrize(("settings", "content"), [({"x": 1}, "c1"), ({}, "other")])
def test_a_part_of_other_settings_or_inputs_is_not_done(tmp_path, settings, content):
    path = tmp_path / "s00.h5"
    with ResumableShard(path, card()) as shard:
        shard.write("001", "c1", {"expert": track()})
    assert not ResumableShard(path, card(**settings)).done("001", content)


def test_a_torn_part_is_not_done(tmp_path):
    path = tmp_path / "s00.h5"
    with ResumableShard(path, card()) as shard:
        shard.write("001", "c1", {"expert": track()})
    (part,) = shard.parts.iterdir()
    part.write_bytes(part.read_bytes()[:100])
    assert not ResumableShard(path, card()).done("001", "c1")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path, value):
    bad = track()
    bad.value[2, 1] = value
    with pytest.raises(DataError, match="not finite"):
        ResumableShard(tmp_path / "s00.h5", card()).write("001", "c1", {"expert": bad})


def test_what_is_no_id_is_refused_for_recordings_and_participants(tmp_path):
    shard = ResumableShard(tmp_path / "s00.h5", card())
    for name in ("../x", "a/b", "a\nb", "x" * 129, ""):
        with pytest.raises(DataError, match="the name"):
            shard.write(name, "c", {"expert": track()})
        with pytest.raises(DataError, match="the name"):
            shard.write("001", "c", {name: track()})
    shard.commit()
    assert list(shard.parts.iterdir()) == []


def test_ids_of_any_writing_come_back_and_become_no_path(tmp_path):
    names = ["-3g5yACwYnA", "vid$_$1", "-rf", "$(x)", "a;b", "ü", "a b", "a'b", ".hidden", "%2E", "视频"]
    shard = ResumableShard(tmp_path / "s00.h5", card())
    for number, name in enumerate(names):
        shard.write(name, f"c{number}", {name: track(seed=number)})
    shard.commit()
    (part,) = shard.parts.iterdir()
    assert re.fullmatch(r"\d+-[0-9a-f]+\.h5", part.name)
    shard.finish()
    with ShardReader(shard.path) as reader:
        assert reader.keys() == [(name, name) for name in sorted(names)]
        for number, name in enumerate(names):
            np.testing.assert_array_equal(reader.track(name, name).value, track(seed=number).value)


def test_blocks_make_the_same_track_as_one_write(tmp_path):
    whole, path = track(rows=70, dim=3), tmp_path / "s00.h5"
    shard = ResumableShard(path, card())
    with shard.recording("001", "c1") as part:
        for start in range(0, 70, 16):
            rows = slice(start, start + 16)
            part.append("expert", Track(whole.value[rows], whole.time[rows], whole.valid[rows], whole.rate))
    shard.finish()
    with ShardReader(path) as reader:
        found = reader.track("001", "expert")
    for name in ("value", "time", "valid", "rate"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


def test_a_recording_that_fails_half_way_leaves_nothing(tmp_path):
    shard = ResumableShard(tmp_path / "s00.h5", card())
    with pytest.raises(ValueError, match="stop"), shard.recording("001", "c1") as part:
        part.append("expert", track())
        raise ValueError("stop")
    shard.commit()
    assert not shard.done("001", "c1")
    assert list(shard.parts.iterdir()) == []


def test_the_final_id_follows_the_contents(tmp_path):
    ids = []
    for content in ("c1", "c2"):
        shard = ResumableShard(tmp_path / f"{content}.h5", card())
        shard.write("001", content, {"expert": track()})
        shard.finish()
        ids.append(read_card(tmp_path / f"{content}.h5")["id"])
    assert ids[0] != ids[1]


def test_a_full_disk_is_noticed_before_hdf5_is(tmp_path, monkeypatch):
    shard = ResumableShard(tmp_path / "s00.h5", card())
    shard.write("001", "c1", {"expert": track()})
    with monkeypatch.context() as patch:
        patch.setattr("affectssm.store.shard_writer.shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
        with pytest.raises(DataError, match="No space left on device"):
            shard.write("002", "c2", {"expert": track()})
        with pytest.raises(DataError, match="No space left on device"):
            shard.finish()
    assert ResumableShard(tmp_path / "s00.h5", card()).done("001", "c1")
    assert len(list(shard.parts.iterdir())) == 1


REFUSED = """
import os, resource, sys
import numpy as np
from affectssm.errors import DataError
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track

shard = ResumableShard(sys.argv[1], make_card("test", ["affectssm.errors"], {}))
track = Track(np.ones((400, 3), np.float32), np.arange(400.0), np.ones(400, bool), 25.0)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    shard.write("001", "c1", {"expert": track})
    shard.commit()
except DataError as error:
    print(error, flush=True)
os._exit(0)  # HDF5 would try to write what it still holds
"""


def test_a_write_that_fails_on_closing_is_a_clear_error(tmp_path):
    """In a process of its own: HDF5 does not recover from it."""
    path = tmp_path / "s00.h5"
    done = subprocess.run([sys.executable, "-c", REFUSED, path], capture_output=True, text=True, check=True)
    assert "writing failed" in done.stdout
    assert list((tmp_path / "s00.h5.parts").iterdir()) == []
