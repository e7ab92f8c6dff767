"""Who computes into a results folder is noted, and it is known of each note whether its writer lives."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from affectssm.runs.controllers import SILENT_S, broken_notes, controllers, register
from affectssm.runs.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    return RunFolder(tmp_path / "results")


def test_a_note_says_who_and_names_the_runs_slurm_jobs_and_locks(folder):
    locks = folder.memory / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    log = folder.path / "run.log"
    log.write_text("SLURM run ID: b416b2c0-27b6-4d5c-be4d-69f12e30a8fc\n")
    register(folder, "snakemake x", "slurm", str(log))
    (noted,) = controllers(folder)
    assert noted.pid == os.getpid() and noted.state(time.time()) == "alive" and noted.here
    assert noted.run_id.startswith("b416b2c0") and noted.locks == folder.locks() != {}
    assert f"process {os.getpid()} of" in str(noted) and str(noted).endswith(": snakemake x")


def test_of_this_machine_it_is_known_and_of_others_by_their_signs_of_life(folder):
    noted, now = register(folder, "snakemake", "local", ""), time.time()
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert dataclasses.replace(noted, pid=child.pid).state(now) == "dead"
    assert dataclasses.replace(noted, born=noted.born - 1).state(now) == "dead"  # its number, given anew
    rebooted = dataclasses.replace(noted, boot="an earlier start")
    elsewhere = dataclasses.replace(rebooted, host="another machine")
    assert elsewhere.state(noted.seen + 1) == "alive" and not elsewhere.here
    assert elsewhere.state(noted.seen + SILENT_S + 1) == "silent"
    assert rebooted.state(noted.seen + SILENT_S + 1) == "dead"
    assert dataclasses.replace(elsewhere, ended=now).state(now) == "ended"


def test_a_note_that_was_copied_with_the_results_speaks_of_another_folder(folder, tmp_path):
    register(folder, "snakemake", "local", "")
    shutil.copytree(folder.results, tmp_path / "copy" / "results")
    (noted,) = controllers(RunFolder(tmp_path / "copy" / "results"))
    assert noted.state(time.time()) == "dead"
    (tmp_path / "link").symlink_to(tmp_path)
    (noted,) = controllers(RunFolder(tmp_path / "link" / "results"))
    assert noted.state(time.time()) == "alive"


def test_a_process_renews_its_note_and_says_in_it_that_it_ended(folder):
    text = """
import sys, time
from pathlib import Path
from affectssm.runs import controllers
from affectssm.runs.folder import RunFolder
controllers.PULSE_S, controllers.KEPT = 0.01, 1
folder = RunFolder(Path(sys.argv[1]))
noted = controllers.register(folder, "snakemake", "local", "")
controllers.keep(folder, noted)
for _ in range(500):
    time.sleep(0.01)
    if controllers.controllers(folder)[-1].seen > noted.seen:
        break
else:
    raise SystemExit("no sign of life")
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", text, folder.results], check=True)
    ended = [json.loads(one.file.read_text())["ended"] for one in controllers(folder)]
    assert len(ended) == 2 and None not in ended  # its own, and the one that is kept


def test_a_damaged_note_or_one_of_another_version_is_no_hindrance(folder):
    home = folder.results / "controllers"
    home.mkdir()
    for name, text in {"a": "", "b": "[]", "c": '{"unknown": 1}', "d": "\\x00"}.items():
        (home / f"{name}.json").write_text(text)
    assert controllers(folder) == []
    found = {one.file.stem: one.found for one in broken_notes(folder)}
    assert found.keys() == set("abcd") and "list" in found["b"] and "unknown" in found["c"]
    register(folder, "snakemake", "local", "")
    (noted,) = controllers(folder)
    said = json.loads(noted.file.read_text())
    for name, value in {"pid": "1", "locks": [], "begun": None, "host": True}.items():
        (home / f"{name}.json").write_text(json.dumps(said | {name: value}))
    (home / "less.json").write_text(json.dumps({"host": "x"}))
    assert controllers(folder) == [noted] and len(broken_notes(folder)) == 4 + 5
