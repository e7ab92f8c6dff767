"""Stages that run in a folder are found among all processes, and nothing else is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from affectssm.cli import _parser
from affectssm.plan.plan import Plan
from affectssm.runs.cancel import cancel_jobs
from affectssm.runs.folder import RunFolder
from affectssm.runs.guard import BusyError
from affectssm.runs.processes import (
    LOOKING,
    all_processes,
    controllers_of,
    end,
    is_stage,
    process,
    stages_at_work,
)
from tests.runs.stray import orphan, program

RULES = Path(__file__).resolve().parents[2] / "workflow" / "rules"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "results").mkdir(parents=True)
    return tmp_path / "run"


def until_begun(pid: int) -> None:
    for _ in range(200):
        if (there := process(pid)) is not None and is_stage(there.words):
            return
        time.sleep(0.02)


def until_forked(pid: int) -> None:
    for _ in range(500):
        if any(one.parent == pid for one in all_processes()):
            return
        time.sleep(0.02)


def test_a_stray_stage_of_this_folder_alone_is_found_and_ended(run, tmp_path):
    stage = program(tmp_path / "bin", "import os, time\nos.fork()\ntime.sleep(60)\n")
    (tmp_path / "other" / "results").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(run)
    stray = orphan(run, stage, "extract", "clip", "--out", "results/x.h5")
    others = [
        orphan(tmp_path / "other", stage, "extract", "clip"),
        orphan(run, stage, "status"),
        orphan(run, sys.executable, "-c", "import time; time.sleep(60)", "affectssm", "extract"),
    ]
    child = subprocess.Popen([stage, "extract", "clip"], cwd=run)  # a job of this process itself
    try:
        until_begun(stray)
        until_forked(stray)
        found = stages_at_work(RunFolder(link / "results"))
        assert [one.pid for one in found] == [stray]  # and not the fork that works for it
        assert found[0].command == "extract clip --out results/x.h5"
        assert abs(found[0].begun - time.time()) < 60
        assert end(found) == [] and stages_at_work(RunFolder(run / "results")) == []
        assert all(process(pid) is not None for pid in [*others, child.pid])
    finally:
        for pid in [*others, child.pid]:
            os.kill(pid, signal.SIGKILL)
        child.wait()


def test_what_a_living_snakemake_without_a_note_waits_for_is_not_ended(run, tmp_path):
    stage = program(tmp_path / "bin")
    snakemake = tmp_path / "bin" / "snakemake"
    snakemake.write_text(f"#!/bin/sh\n{sys.executable} {stage} extract clip\nexit 0\n")
    snakemake.chmod(0o755)
    above = orphan(run, snakemake, "--cores", "2")
    try:
        for _ in range(200):
            if found := stages_at_work(RunFolder(run / "results")):
                break
            time.sleep(0.02)
        assert [one.pid for one in controllers_of(found)] == [above]
        with pytest.raises(BusyError, match=f"snakemake, process {above}") as caught:
            cancel_jobs(run / "results")
        assert f"kill -INT {above}" in caught.value.remedy
        assert all(one.lives for one in found)
    finally:
        os.kill(above, signal.SIGKILL)
        end(found)


def test_a_stage_is_known_however_it_is_called():
    assert is_stage(["/venv/bin/python3.11", "/venv/bin/affectssm", "train", "dialogue"])
    assert is_stage(["python", "-m", "affectssm.cli", "train"]) and is_stage(["affectssm", "train"])
    for words in (
        [],
        ["affectssm"],
        ["affectssm", "--help"],
        ["vi", "affectssm", "train"],
        ["python", "x.py", "y"],
    ):
        assert not is_stage(words)
    assert not is_stage(["grep", "-r", "affectssm", "train"])


def test_a_number_that_another_process_has_by_now_is_not_taken_for_the_old_one():
    child = subprocess.Popen([sys.executable, "-c", ""])
    known = process(child.pid)
    child.wait()
    assert known is not None and not known.lives
    own = process(os.getpid())
    assert own is not None and own.lives and own.parent == os.getppid()


def test_every_subcommand_is_either_a_stage_or_only_looks():
    parser = _parser(["none"])
    commands = set(next(a for a in parser._actions if a.dest == "command").choices)
    text = "".join(path.read_text(encoding="utf-8") for path in RULES.glob("*.smk"))
    called = {name for name in commands if f"affectssm {name} " in text}
    called |= {job.step.subcommand for job in Plan({}).jobs}
    assert commands - called == LOOKING
