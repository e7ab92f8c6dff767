"""Which jobs of SLURM belong to a run folder, by what squeue says, and what it is to say nothing."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from affectssm.runs.folder import RunFolder
from affectssm.runs.slurm import NoAnswerError, cancel, jobs_of, parsed

RUN = "b416b2c0-27b6-4d5c-be4d-69f12e30a8fc"
OTHER = "0f0e0d0c-27b6-4d5c-be4d-69f12e30a8fc"
# squeue 22.05.8 with the fields asked for, their separator written as |: a job that runs, one that waits, two tasks
# of an array, and a job of somebody's own
REAL = """\
12|b416b2c0-27b6-4d5c-be4d-69f12e30a8fc|{user}|RUNNING|None|0:03|node1|rule_extract_wildcards_noxi-demo_clip_s00|{folder}
7|b416b2c0-27b6-4d5c-be4d-69f12e30a8fc|{user}|PENDING|Resources|0:00||rule_demo_corpora|{folder}
9_[2-3]|b416b2c0-27b6-4d5c-be4d-69f12e30a8fc|{user}|PENDING|Priority|0:00||(null)|{folder}
8|bash|{user}|RUNNING|None|1-02:03:04|node2|(null)|{folder}
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "run" / "results").mkdir(parents=True)
    return RunFolder(tmp_path / "run" / "results")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a shell script on the PATH in place of one of SLURM's programs."""
    home = tmp_path / "bin"
    home.mkdir()
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")

    def put(name: str, text: str) -> None:
        (home / name).write_text(f"#!/bin/sh\n{text}\n")
        (home / name).chmod(0o755)

    return put


def listing(text: str, folder: Path, user: str | None = None) -> str:
    return text.format(folder=folder, user=user or getpass.getuser()).replace("|", "\x1f")


def says(program, text: str, tmp_path: Path) -> None:
    (tmp_path / "said").write_text(text)
    program("squeue", f"cat {tmp_path}/said")


def test_the_jobs_of_a_run_are_read_from_what_squeue_lists():
    jobs = parsed(listing(REAL, Path("/data/run")))
    assert [job.number for job in jobs] == ["7", "8", "12", "9_[2-3]"]
    one = jobs[2]
    assert (one.state, one.rule, one.what) == ("RUNNING", "extract", "extract noxi-demo_clip_s00")
    assert str(one).endswith("extract noxi-demo_clip_s00, running for 0:03 on node1")
    assert str(jobs[0]).endswith("demo_corpora, waits: Resources")
    assert jobs[3].comment == "" and parsed("slurm_load_jobs error: no jobs\n\n") == []


def test_jobs_of_the_folder_by_any_name_are_its_and_nobody_elses(folder, program, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(folder.path)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "results").mkdir(parents=True)
    text = listing(REAL, link) + listing(REAL.replace("12|", "22|"), elsewhere)
    says(program, text, tmp_path)
    assert [job.number for job in jobs_of(folder)] == ["7", "12", "9_[2-3]"]


def test_another_users_jobs_and_those_of_a_folder_that_is_not_seen_here_are_known_too(
    folder, program, tmp_path
):
    text = listing(REAL, folder.path, "nobody") + listing(REAL.replace(RUN, OTHER), Path("/not/mounted/here"))
    says(program, text, tmp_path)
    assert [job.user for job in jobs_of(folder)] == ["nobody"] * 3
    assert len(jobs_of(folder, [OTHER])) == 6


def test_what_a_user_set_for_squeue_does_not_count(folder, program, tmp_path, monkeypatch):
    monkeypatch.setenv("SQUEUE_STATES", "COMPLETED")
    (tmp_path / "said").write_text(listing(REAL, folder.path))
    program("squeue", f'test -z "$SQUEUE_STATES" && cat {tmp_path}/said')
    assert len(jobs_of(folder)) == 3


@pytest.mark.parametrize(
    ("does", "found"),
    [
        ("exec sleep 30", "no answer within 0 s"),
        (
            "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1",
            "connect",
        ),
        ("exit 3", "exit status 3"),
    ],
)
def test_no_answer_is_not_taken_for_no_jobs(folder, program, does, found):
    program("squeue", does)
    with pytest.raises(NoAnswerError) as caught:
        jobs_of(folder, limit_s=0.3)
    assert found in caught.value.found


def test_a_job_that_ends_between_the_look_and_the_word_is_no_fault(folder, program, tmp_path):
    says(program, listing(REAL, folder.path), tmp_path)
    program("scancel", f'echo "$@" > {tmp_path}/ended; : > {tmp_path}/said; exit 1')
    assert cancel(jobs_of(folder), folder) == []
    assert (tmp_path / "ended").read_text().split() == ["7", "12", "9_[2-3]"]
