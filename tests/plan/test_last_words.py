"""What a person reads last of a run that failed."""

from __future__ import annotations

import subprocess
import sys

from affectssm.errors import DataError
from affectssm.plan.last_words import words_of_job

ERROR = DataError("x.csv", "found 1\nand 2", "expected 3", "remedy 4")


def test_a_job_says_its_error_and_nothing_of_what_came_before_it(tmp_path):
    log = tmp_path / "job.log"
    log.write_text(
        f"12:00:00 begun\naffectssm extract: an older\n  found: y\nmore\naffectssm extract: {ERROR}\n"
    )
    assert words_of_job("extract", [str(log)]) == f"affectssm extract: {ERROR}\n  log:      {log}"


def test_a_job_that_died_otherwise_says_its_last_line_or_where_to_look(tmp_path):
    log = tmp_path / "job.log"
    log.write_text("Traceback (most recent call last):\n  File x\nMemoryError: none left\n\n")
    assert words_of_job("train", [str(log)]) == f"train ended with: MemoryError: none left\n  log:      {log}"
    assert "what Snakemake says" in words_of_job("train", [str(tmp_path / "absent.log")])
    assert "what Snakemake says" in words_of_job("train", [])


def test_an_error_passes_as_another_one_and_is_said_once_after_all_else():
    program = """
import sys
from affectssm.errors import DataError
from affectssm.plan.last_words import said_last
for _ in range(2):
    try:
        with said_last(KeyError):
            raise DataError("x.csv", "found", "expected", "remedy 4")
    except KeyError as error:
        print(error)
print("Snakemake's last word")
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    words = run.stdout.strip().splitlines()
    assert words[-1] == "  remedy:   remedy 4"
    assert run.stdout.count("x.csv") == 1 and run.stdout.index("last word") < run.stdout.index("x.csv")
