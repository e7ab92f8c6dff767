"""Both tiny tables through the profile as it comes are those of one machine, with accounting and without."""

from __future__ import annotations

import time

import pytest

from tests.cluster.runs import MISSING, Run, same_tables
from tests.workflow.workplace import TABLE, Workplace


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_both_tables_are_those_of_one_machine(either, local, tmp_path):
    local.snakemake(MISSING)
    place = Workplace.make(tmp_path / "place")
    started = time.monotonic()
    run = Run(place, either, TABLE, MISSING)
    assert run.ends(1500) == 0, run.said
    print(
        f"{time.monotonic() - started:.0f} s, {run.submissions()} submissions, accounting {either.accounting}"
    )
    same_tables(place, local, TABLE, MISSING)
    report = list((place.folder / "results/logs").glob("efficiency_report_*.csv"))
    assert len(report) == either.accounting
