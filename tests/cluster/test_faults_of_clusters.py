"""What befalls clusters: a node that dies and comes back, a controller that is away. The table is the same."""

from __future__ import annotations

import time

import pytest

from tests.cluster.runs import AGAIN, Run, same_tables
from tests.cluster.slurm import until
from tests.workflow.workplace import TABLE

pytestmark = pytest.mark.timeout(900)


@pytest.mark.long
def test_a_node_down_and_back(cluster, copy, local):
    run = Run(copy, cluster, *AGAIN)
    number = run.running("evaluate_dialogue")
    node = next(job.node for job in cluster.jobs() if job.id == number)
    cluster.node_down(node)
    until(lambda: not cluster.running(number), "the controller notices", 120)
    cluster.node_up(node)
    assert run.ends() == 0, run.said
    # two minutes later, as SLURM has it
    assert "Trying to restart job" not in run.said  # SLURM did
    same_tables(copy, local, TABLE)


@pytest.mark.parametrize("seconds", [60, pytest.param(120, marks=pytest.mark.long)])
def test_slurmctld_away(cluster, copy, local, seconds):
    run = Run(copy, cluster, *AGAIN)
    run.running("evaluate_dialogue")
    cluster.controller_away()
    time.sleep(seconds)
    cluster.controller_up()
    assert run.ends() == 0, run.said
    assert "SLURM does not answer" in run.said and "SLURM answers again" in run.said
    same_tables(copy, local, TABLE)
