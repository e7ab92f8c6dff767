"""A file is whole or absent."""

import errno
import subprocess
import sys

import pytest

from affectssm.errors import DataError
from affectssm.store.atomic import staged, write_json


def test_success_replaces_and_leaves_nothing_else(tmp_path):
    write_json(tmp_path / "sub" / "a.json", {"x": 1})
    write_json(tmp_path / "sub" / "a.json", {"x": 2})
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["a.json"]
    assert '"x": 2' in (tmp_path / "sub" / "a.json").read_text()


def test_failure_keeps_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), staged(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_failed_validation_keeps_the_old_file(tmp_path):
    def refuse(path):
        raise DataError(path, "bad", "good", "again")

    with pytest.raises(DataError), staged(tmp_path / "a.txt", refuse) as temporary:
        temporary.write_text("new")
    assert not list(tmp_path.iterdir())


def test_full_disk_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="No space left") as caught, staged(tmp_path / "a.bin") as temporary:
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "free space" in caught.value.remedy
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_half_way_is_refused_by_the_system(tmp_path):
    """A file size limit makes the real write calls of HDF5 and of text fail, as a full disk does."""
    script = f"""
import os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import numpy as np
from pathlib import Path
from affectssm.errors import DataError
from affectssm.store.atomic import write_text
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track
track = Track(np.ones((2000, 50), np.float32), np.arange(2000.0), np.ones(2000, bool), 25.0)
shard = ResumableShard({str(tmp_path)!r} + "/s00.h5", make_card("t", [], {{}}))
shard.write("001", "c", {{"expert": track}})
shard.commit()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
shard.write("002", "c", {{"expert": track}})
for attempt in (
    shard.commit,
    lambda: write_text({str(tmp_path)!r} + "/big.txt", "x" * 200_000),
):
    try:
        attempt()
    except DataError as error:
        print("refused:", error.found)
print(len(list(shard.parts.iterdir())), [p.name for p in Path({str(tmp_path)!r}).iterdir()], flush=True)
os._exit(0)  # HDF5 would try to write what it still holds
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.stdout.count("refused: writing failed") == 2, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1] == "1 ['s00.h5.parts']"
