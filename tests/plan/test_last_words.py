"""What a person reads last of a run that failed."""

from __future__ import annotations

import subprocess
import sys


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
