"""How far a run folder is, put together from its files and from what SLURM says."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from affectssm.runs import progress
from affectssm.runs.controllers import controllers, register
from affectssm.runs.folder import RunFolder
from affectssm.runs.report import report
from affectssm.runs.state import look

RUN = "b416b2c0-27b6-4d5c-be4d-69f12e30a8fc"
FATES = ("finished", "failed", "running", "pending", "over")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run on SLURM whose controller was killed: of five jobs each has come to another point."""
    found = RunFolder(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (found.memory / "log").mkdir(parents=True)
    (found.memory / "incomplete").mkdir()
    lines = [f"SLURM run ID: {RUN}"]
    for number, name in enumerate(FATES):
        lines += job_lines(number, name)
        if name not in ("finished", "failed"):
            mark(found, f"results/features/{name}.h5", str(100 + number))
    done = found.results / "benchmarks" / "extract"
    done.mkdir(parents=True)
    for name in ("finished", "of_an_earlier_run", "over"):  # the last is begun anew
        (done / f"{name}.tsv").touch()
    log = found.memory / "log" / "run.log"
    log.write_text("\n".join([*lines, "1 of 9 steps (11%) done\n"]))
    note = register(found, "snakemake x", "slurm", str(log))
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    note.file.write_text(json.dumps(json.loads(note.file.read_text()) | {"pid": int(child.stdout)}))
    return found


def job_lines(number: int, name: str) -> list[str]:
    place = f"extract/{name}"
    ends = {
        "finished": [f"Finished jobid: {number} (Rule: extract)"],
        "failed": ["Error in rule extract:", "    message: None", f"    jobid: {number}"],
    }
    return [
        "rule extract:", f"    output: results/features/{name}.h5", f"    log: results/logs/{place}.log",
        f"    jobid: {number}", f"    benchmark: results/benchmarks/{place}.tsv", f"    wildcards: name={name}",
        f"Job {number} has been submitted with SLURM jobid {100 + number} (log: /slurm/{100 + number}.log).",
        *ends.get(name, []),
    ]  # fmt: skip


def mark(folder: RunFolder, output: str, job: str | None) -> None:
    name = base64.urlsafe_b64encode(output.encode()).decode()
    (folder.memory / "incomplete" / name).write_text(json.dumps({"external_jobid": job}))


def squeue(folder: RunFolder, *rows: str, fails: str = "") -> None:
    (folder.path / "said").write_text("\n".join(rows).replace("|", "\x1f"))
    program = folder.path / "squeue"
    program.write_text(f"#!/bin/sh\n{fails}\ncat {folder.path}/said\n")
    program.chmod(0o755)


def both(folder: RunFolder) -> None:
    squeue(
        folder,
        f"102|{RUN}|me|RUNNING|None|1:02|node1|rule_extract_wildcards_running|{folder.path}",
        f"103|{RUN}|me|PENDING|Resources|0:00||rule_extract_wildcards_pending|{folder.path}",
    )


def test_each_job_stands_where_its_files_and_slurm_say(folder):
    both(folder)
    mark(folder, "results/runs/older", None)
    state = look(folder.results)
    stands = {job.wildcards.partition("=")[2]: how for job, how in state.jobs}
    assert stands == {"failed": "failed", "running": "running", "pending": "waiting", "over": "again"}
    assert state.stages["extract"] == {"finished": 2, "failed": 1, "running": 1, "waiting": 1, "again": 1}
    assert state.strangers == ["results/runs/older"] and (state.log.done, state.log.total) == (1, 9)


def test_it_is_said_in_words(folder):
    both(folder)
    log = folder.results / "logs" / "extract" / "failed.log"
    log.parent.mkdir(parents=True)
    log.write_text("affectssm extract: x.mp4\n  found:    nothing\n")
    words = report(look(folder.results))
    assert "killed, or its machine went down" in words and "1 of 9 steps done" in words
    assert re.search(r"^  102 of me, extract running, running for 1:02 on node1$", words, re.M)
    assert "103 of me, extract pending, waits: Resources" in words and "affectssm cancel ends them" in words
    assert "affectssm extract: x.mp4\n      found:    nothing\n" in words and "/slurm/101.log" in words
    assert "extract over (SLURM job 104 is over; how it ended: sacct -j 104, /slurm/104.log)" in words


def test_what_was_planned_and_a_note_that_is_broken_are_said(folder):
    both(folder)
    (noted,) = controllers(folder)
    at = time.time()
    stages = {"extract": progress.Count(6, 1, 2, 1), "train": progress.Count(3)}
    progress.write(noted.file, progress.Progress(at, stages, 7500.0, sure=True))
    noted.file.with_name("odd.json").write_text("{")
    log = folder.results / "logs" / "extract" / "failed.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(9)))
    words = report(look(folder.results))
    # planned, left, finished (of all runs), running, waiting, failed, again
    assert re.search(r"^extract +6 +5 +2 +1 +1 +1 +1$", words, re.M) and re.search(
        r"^train +3 +3 *$", words, re.M
    )
    assert "1 of 9 jobs (extract 1/6), 2 running, 1 failed, about 2 h 5 min left at" in words
    assert "planned and left are of the last run's plan, at" in words and "not known here" not in words
    assert re.search(r"odd\.json: .*\n.*delete them once", words)
    assert "    extract ended with:\n      line 4\n" in words and "line 3" not in words
    progress.write(noted.file, progress.Progress(at, fault="KeyError: x"))
    assert "its controller could not tell (KeyError: x); snakemake -n" in report(look(folder.results))
    progress.beside(noted.file).write_text('{"stages": {"a": {"planned": "x"}}, "at": 1}')
    assert "not known here; snakemake -n" in report(look(folder.results))


def test_where_slurm_does_not_answer_nothing_is_called_over(folder):
    squeue(folder, fails="echo 'connect failure' >&2; exit 1")
    words = report(look(folder.results))
    assert "SLURM does not answer (connect failure)" in words and "is over" not in words
    assert "unless SLURM still runs them" in words


def test_a_folder_without_any_note_says_what_its_files_do(tmp_path):
    (tmp_path / "results" / "benchmarks" / "train").mkdir(parents=True)
    (tmp_path / "results" / "benchmarks" / "train" / "x.tsv").touch()
    words = report(look(tmp_path / "results"))
    assert "no note of a run" in words and re.search(r"^train +1 *$", words, re.M)
