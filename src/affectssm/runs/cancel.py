"""End what a dead controller left at work in a run folder, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

from affectssm.runs.controllers import controllers
from affectssm.runs.folder import RunFolder
from affectssm.runs.guard import BusyError, at_work, busy, may_have_slurm_jobs
from affectssm.runs.processes import end
from affectssm.runs.slurm import cancel, there_is_slurm


def cancel_jobs(results: Path) -> None:
    """List what is at work in a run folder without a controller, end it, and wait until it has ended.

    Raises:
        BusyError: if a controller lives, who would see its jobs fail; or if something could not be ended.
        NoAnswerError: if SLURM does not say which jobs there are.
    """
    folder = RunFolder(results)
    notes = controllers(folder)
    used_slurm = any(one.executor == "slurm" for one in notes) or may_have_slurm_jobs(folder)
    found = at_work(folder, notes, time.time(), there_is_slurm() and used_slurm)
    if found.controllers or found.unnoted:
        raise busy(found)
    if found.unknown is not None:
        raise found.unknown
    for line in found.lines:
        print(f"ending {line}", flush=True)
    left = [f"process {one.pid}" for one in end(found.processes)]
    if found.jobs:
        gone_on = cancel(found.jobs, folder, [one.run_id for one in notes if one.run_id])
        left += [f"SLURM job {job.number} of {job.user}, {job.state}" for job in gone_on]
    if left:
        raise BusyError(
            folder.results, "still at work: " + ", ".join(left), "that all end when they are told",
            "ask whose they are, or wait: a job that is being cleared away ends by itself",
        )  # fmt: skip
    print(
        "ended; the same snakemake command goes on with what is left" if found else "nothing is at work here"
    )
