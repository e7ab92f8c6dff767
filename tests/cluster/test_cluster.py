"""The test cluster does what it is for: jobs run, are killed for memory, and survive a node and a controller."""

from __future__ import annotations

import time
from subprocess import CompletedProcess

import pytest

from tests.cluster.slurm import Slurm, until

pytestmark = pytest.mark.timeout(600)


def submit(cluster: Slurm, line: str, *options: str) -> int:
    """Submit a line of shell; returns the job's id."""
    return int(cluster.run("sbatch", "--parsable", *options, f"--wrap={line}").stdout)


def state(cluster: Slurm, job: int) -> str:
    """A job's state."""
    return next(known.state for known in cluster.jobs() if known.id == job)


def test_a_job_runs_and_one_that_takes_too_much_memory_is_killed(either):
    fine = submit(either, "true")
    hungry = submit(
        either, "python3 -c 'import time; held = bytearray(300 << 20); time.sleep(60)'", "--mem=50"
    )
    until(lambda: state(either, fine) == "COMPLETED", "the job ends")
    until(lambda: state(either, hungry) == "FAILED", "the job is killed")

    def kept_of() -> CompletedProcess[str]:
        return either.ask("sacct", "--noheader", "--parsable2", "-X", "--format=JobIDRaw,State")

    if either.accounting:  # slurmdbd learns of a job some time after the controller
        until(lambda: f"{fine}|COMPLETED" in kept_of().stdout.splitlines(), "accounting knows the job", 90)
    else:
        kept = kept_of()
        assert kept.returncode and "accounting storage is disabled" in kept.stderr


@pytest.mark.long
def test_a_job_survives_its_node(cluster):
    job = submit(cluster, "sleep 4", "--requeue", "--nodelist=node1")
    until(lambda: state(cluster, job) == "RUNNING", "the job runs")
    cluster.node_down("node1")
    until(lambda: state(cluster, job) == "PENDING", "the controller notices", 90)
    cluster.node_up("node1")
    # a job that was put back waits two minutes, lest it fails at once again
    until(lambda: state(cluster, job) == "COMPLETED", "the job ran again", 240)


def test_a_job_ends_while_the_controller_is_away(cluster):
    job = submit(cluster, "sleep 1")
    until(lambda: state(cluster, job) == "RUNNING", "the job runs")
    cluster.controller_away()
    assert cluster.ask("squeue").returncode
    time.sleep(2)
    cluster.controller_up()
    until(lambda: state(cluster, job) == "COMPLETED", "the controller learns it", 90)
