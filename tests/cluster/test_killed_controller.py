"""On SLURM the jobs of a killed controller go on: the next one submits nothing beside them."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.cluster.slurm import Slurm, until
from tests.runs.small_run import TABLE, WHOLE, SmallRun

HERE = (
    "--executor", "slurm", "--jobs", "4", "--default-resources", "mem_mb=500", "runtime=10", "--rerun-incomplete",
    "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2",
    "--seconds-between-status-checks", "2", "--latency-wait", "20",
)  # fmt: skip


@pytest.fixture(params=["cluster", "accounted"])
def either(request: pytest.FixtureRequest) -> Slurm:
    """The cluster without accounting, then the one with it."""
    return request.getfixturevalue(request.param)


def small_run(folder: Path, cluster: Slurm) -> SmallRun:
    """A workflow whose job steps find the cluster: the plugin takes SLURM's variables away from them."""
    run = SmallRun(folder, cluster.environment)
    srun = run.programs / "srun"
    conf = cluster.environment["SLURM_CONF"]
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    return run


def submitted(cluster: Slurm) -> list[int]:
    """The numbers of all jobs so far."""
    return [job.id for job in cluster.jobs()]


def test_the_jobs_of_a_killed_controller_are_noticed_and_cancelled(either, tmp_path):
    run = small_run(tmp_path / "run", either)
    before = submitted(either)
    first = run.begun(*HERE, TABLE)
    first.send_signal(signal.SIGKILL)
    first.wait()
    jobs = [number for number in submitted(either) if number not in before]
    assert len(jobs) == 2

    (tmp_path / "link").symlink_to(run.folder.path)
    status, said = run.ended("snakemake", "--directory", str(tmp_path / "link"), *HERE, TABLE)
    assert (
        status == 1 and f"scancel {jobs[0]} {jobs[1]}" in said and "affectssm cancel" in said.splitlines()[-2]
    )
    assert all(f"SLURM job {number} of" in said for number in jobs) and "extract a, running" in said
    assert set(submitted(either)) <= {*before, *jobs}  # and those before are forgotten by and by

    either.controller_away()
    try:
        status, said = run.ended("snakemake", *HERE, TABLE)
        assert status == 1 and "wait until squeue answers" in said
        assert "Unable to contact slurm controller" in said.partition("squeue answers")[0]
        assert "SLURM does not answer" in run.affectssm("status")
    finally:
        either.controller_up()

    words = run.affectssm("cancel")
    assert all(f"ending SLURM job {number} of" in words for number in jobs)
    assert {job.state for job in either.jobs() if job.id in jobs} == {"CANCELLED"}
    run.let_go()
    status, said = run.ended("snakemake", *HERE, TABLE)
    assert status == 0 and run.table == WHOLE, said


@pytest.mark.long
def test_the_jobs_of_a_killed_controller_may_come_to_their_end(cluster, tmp_path):
    run = small_run(tmp_path / "run", cluster)
    before = submitted(cluster)
    first = run.begun(*HERE, TABLE)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert run.ended("snakemake", *HERE, TABLE)[0] == 1
    run.let_go()
    until(
        lambda: {job.state for job in cluster.jobs() if job.id not in before} == {"COMPLETED"}, "they end", 60
    )
    status, said = run.ended("snakemake", *HERE, TABLE)
    assert status == 0 and run.table == WHOLE, said
