"""A controller that is killed leaves its jobs at work: the next one says so, and goes on once they are ended."""

from __future__ import annotations

import re
import signal
import time

import pytest

from affectssm.runs.controllers import controllers
from affectssm.runs.processes import stages_at_work
from tests.runs.small_run import OTHER, TABLE, WHOLE, SmallRun

HERE = ("--cores", "2", "--rerun-incomplete")


@pytest.mark.workflow
def test_a_killed_run_goes_on_once_what_it_left_is_ended(tmp_path):
    run = SmallRun(tmp_path / "run")
    first = run.begun(*HERE, TABLE)
    try:
        status, said = run.ended("snakemake", *HERE, TABLE)
        assert (
            status == 1 and "cannot be locked" in said
        )  # Snakemake's words, which name nobody, and ours after them
        assert f"process {first.pid} of" in said.partition("cannot be locked")[2]
        status, said = run.ended("snakemake", *HERE, OTHER)  # other files: Snakemake's lock lets it pass
        assert status == 1 and f"process {first.pid} of" in said
        assert f"kill -INT {first.pid}" in said.splitlines()[-2]
        assert not (run.folder.results / "logs" / "train").exists()
        assert "at work in it already" in run.affectssm("cancel")  # its jobs are not taken from it
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()

    strays = stages_at_work(run.folder)
    words = run.affectssm("status")  # planned, left, running
    assert len(strays) == 2 and re.search(r"^extract +2 +2 +2 *$", words, re.M), words
    assert re.search(r"^  0 of 3 jobs.* counted last$", words, re.M)
    assert "of the last run's plan" in words and re.search(r"^table +1 +1 *$", words, re.M)
    status, said = run.ended("snakemake", *HERE, TABLE)
    assert status == 1 and "affectssm cancel" in said.splitlines()[-2]
    assert all(f"process {stray.pid}: extract --out" in said for stray in strays)
    assert stages_at_work(run.folder) == strays
    assert f"ending process {strays[0].pid}: extract" in run.affectssm("cancel")
    words = run.affectssm("status")
    again = words.partition("done again")[2].partition("\n\n")[0].splitlines()[1:]
    # Snakemake begins them in either order.
    assert "killed" in words and sorted(again) == ["  extract a", "  extract b"], words

    run.let_go()
    status, said = run.ended("snakemake", *HERE, TABLE)
    assert status == 0 and run.table == WHOLE, said
    words = run.affectssm("status")  # planned, finished
    assert re.search(r"^extract +2 +2 *$", words, re.M) and "  3 of 3 jobs\n" in words, words
    assert [one.state(time.time()) for one in controllers(run.folder)] == ["dead", "ended"]
