"""What keeps a controller out of a folder, what does not, and what is said."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from affectssm.runs.controllers import SILENT_S, Controller, controllers, register
from affectssm.runs.folder import RunFolder
from affectssm.runs.guard import BusyError, Guard
from affectssm.runs.slurm import NoAnswerError

MARK = "cmVzdWx0cy94Lmg1"  # results/x.h5


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    (tmp_path / "results").mkdir()
    (tmp_path / ".snakemake" / "locks").mkdir(parents=True)
    (tmp_path / ".snakemake" / "incomplete").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return RunFolder(Path("results"))


def squeue(folder: RunFolder, text: str) -> None:
    program = folder.path / "bin" / "squeue"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def noted(folder: RunFolder, age: float = 0, **changed: object) -> Controller:
    """Leave a note of a controller of another machine, with its last sign of life some seconds ago."""
    note = register(folder, "snakemake x", "local", "")
    said = json.loads(note.file.read_text()) | {"host": "login2", "boot": "another", "pid": 4242} | changed
    path = note.file.with_name(f"{said['pid']}-{age}.json")
    note.file.rename(path)
    path.write_text(json.dumps(said))
    os.utime(path, (time.time() - age, time.time() - age))
    return dataclasses.replace(note, file=path)


def test_a_controller_on_another_machine_keeps_this_one_out_while_it_gives_signs_of_life(folder):
    noted(folder, age=30)
    with pytest.raises(BusyError, match=r"snakemake on login2, process 4242 of .*: snakemake x") as caught:
        Guard("results").before_jobs("local", "", knowing=False)
    assert "kill -INT 4242 on login2" in caught.value.remedy and "--nolock" in caught.value.remedy
    assert len(controllers(folder)) == 1  # no note is left of the one that did not begin


@pytest.mark.parametrize("knowing", [True, False])
def test_who_knows_better_or_finds_a_silent_one_goes_on_and_is_told(folder, knowing):
    noted(folder, age=30 if knowing else SILENT_S + 30)
    program = f"from affectssm.runs.guard import Guard; Guard('results').before_jobs('local', '', {knowing})"
    run = subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=True)
    assert "login2, process 4242" in run.stderr and ("--nolock" in run.stderr) == knowing
    assert [one.pid for one in controllers(folder) if one.ended] == [controllers(folder)[-1].pid]


def test_a_lock_goes_where_it_is_known_to_be_that_of_a_dead_one(folder, capsys):
    lock = folder.memory / "locks" / "0.output.lock"
    lock.touch()
    assert Guard("results").at_start() is None and lock.exists()  # nobody knows whose it is
    dead = noted(folder, pid=1)
    assert "login2, process 1" in str(Guard("results").at_start()) and lock.exists()
    said = json.loads(dead.file.read_text())
    dead.file.write_text(json.dumps(said | {"boot": _own(folder).boot, "pid": os.getpid(), "born": 1}))
    lock.write_text("of another, who began since")
    os.utime(lock, ns=(1, 1))
    assert Guard("results").at_start() is None and lock.exists()
    dead.file.write_text(json.dumps(json.loads(dead.file.read_text()) | {"locks": folder.locks()}))
    assert Guard("results").at_start() is None and not lock.exists()
    assert "its lock is taken away" in capsys.readouterr().err


def _own(folder: RunFolder) -> Controller:
    note = register(folder, "", "", "")
    note.file.unlink()
    return note


def test_slurm_that_does_not_answer_keeps_out_who_uses_it_or_who_used_it(folder):
    squeue(folder, "echo down >&2; exit 1")
    guard = Guard("results")
    with pytest.raises(NoAnswerError, match="down"):
        guard.before_jobs("slurm", "", knowing=False)
    mark = folder.memory / "incomplete" / MARK
    mark.write_text('{"external_jobid": "12"}')
    with pytest.raises(NoAnswerError, match="down"):
        guard.before_jobs("local", "", knowing=False)
    mark.write_text('{"external_jobid": null}')  # a job of a controller's own machine
    program = "from affectssm.runs.guard import Guard; Guard('results').before_jobs('local', '', False)"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert [(mark.output, mark.job_id) for mark in folder.marks()] == [("results/x.h5", None)]


def test_a_job_that_is_being_cleared_away_is_waited_for(folder, monkeypatch):
    row = ["3", "b416b2c0-27b6-4d5c-be4d-69f12e30a8fc", "me", "COMPLETING", "None", "0:03", "n", "rule_x"]
    (folder.path / "jobs").write_text("\x1f".join([*row, str(folder.path.absolute())]) + "\n")
    squeue(folder, "cat jobs; : > jobs")
    monkeypatch.setattr("affectssm.runs.guard.BETWEEN_S", 0.01)
    program = "from affectssm.runs.guard import Guard; Guard('results').before_jobs('slurm', '', False)"
    subprocess.run([sys.executable, "-c", program], check=True)
    squeue(folder, "cat jobs")
    (folder.path / "jobs").write_text("\x1f".join([*row, str(folder.path.absolute())]) + "\n")
    monkeypatch.setattr("affectssm.runs.guard.CLEARING_S", 0.05)
    with pytest.raises(BusyError, match="SLURM job 3 of me, x, completing"):
        Guard("results").before_jobs("slurm", "", knowing=False)
