"""What befalls jobs: killed for memory, over their time, cancelled, on a full disk; the table is the same."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.runs import AGAIN, Run, same_tables
from tests.cluster.slurm import Slurm, until
from tests.workflow.workplace import TABLE, Workplace

pytestmark = pytest.mark.timeout(900)


def test_a_job_killed_for_memory_is_submitted_with_more(cluster, copy, local):
    # 100 MB, then 800
    run = Run(copy, cluster, *AGAIN, "--set-resources", "evaluate_dialogue:mem_mb=100*attempt**3")
    assert run.ends() == 0, run.said
    kept = [log.read_text() for log in (copy.folder / "results/logs/slurm").rglob("*.log")]
    assert kept and all("exceeded memory limit" in words for words in kept)
    assert "Trying to restart job" in run.said
    same_tables(copy, local, TABLE)


def stop(cluster: Slurm, job: int) -> None:
    """Stop the processes of a job, which has begun and may not have one yet, or start more while they are stopped."""
    stopped: set[int] = set()

    def all_stopped() -> bool:
        new = set(cluster.processes_of(job)) - stopped
        for process in new:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
        stopped.update(new)
        return bool(stopped) and not new

    until(all_stopped, f"job {job} has processes, and all are stopped")


@pytest.mark.long
def test_a_job_over_its_time_is_submitted_again(cluster, copy, local):
    run = Run(copy, cluster, *AGAIN, "--set-resources", "evaluate_dialogue:runtime=1 if attempt == 1 else 30")
    stop(cluster, run.running("evaluate_dialogue"))
    assert run.ends() == 0, run.said
    assert "SLURM status is: 'TIMEOUT'" in run.said
    same_tables(copy, local, TABLE)


@pytest.mark.long
def test_a_job_that_somebody_cancels_is_submitted_again(cluster, copy, local):
    run = Run(copy, cluster, *AGAIN)
    cluster.run("scancel", str(run.running("evaluate_dialogue")))
    assert run.ends() == 0, run.said
    assert "SLURM status is: 'CANCELLED'" in run.said
    same_tables(copy, local, TABLE)


@pytest.fixture
def small_disk(copy: Workplace) -> Iterator[Path]:
    """A disk without room that the scores go to."""
    folder = copy.folder / "results" / "metrics"
    kept = folder.rename(folder.with_name("kept"))
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("a disk that is full has to be mounted, which this user or container may not do")
    subprocess.run(["dd", "if=/dev/zero", f"of={folder / 'others'}"], capture_output=True, check=False)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()
    kept.rename(folder)


@pytest.mark.long
def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(cluster, copy, local, small_disk):
    run = Run(copy, cluster, *AGAIN)
    assert run.ends() == 1
    last = run.said[-3000:]
    assert "No space left on device" in last and "free space" in last
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    again = Run(copy, cluster, TABLE)
    assert again.ends() == 0, again.said
    same_tables(copy, local, TABLE)


@pytest.mark.parametrize("words", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_a_run_that_is_told_to_end_leaves_no_jobs(cluster, copy, words):
    run = Run(copy, cluster, *AGAIN)
    run.running("evaluate_dialogue")
    for word in words:
        run.interrupt(word)
    run.ends(90)
    assert not [job for job in cluster.jobs() if job.state in ("PENDING", "RUNNING")]
