"""How far a run folder is: what was finished, what runs, what will be done again, without a look at the whole plan."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from affectssm.runs import progress
from affectssm.runs.controllers import BrokenNote, Controller, State, broken_notes, controllers
from affectssm.runs.folder import RunFolder
from affectssm.runs.guard import AtWork, at_work, may_have_slurm_jobs
from affectssm.runs.processes import Process
from affectssm.runs.slurm import SlurmJob, there_is_slurm
from affectssm.runs.snakemake_log import LoggedJob, RunLog, read_log

ANSWER_S = 15.0  # what somebody who only looks waits for SLURM
LOGS = 5  # of earlier runs, that are read for jobs which no later one has come back to

Standing = Literal["finished", "running", "waiting", "failed", "again"]
STANDINGS: tuple[Standing, ...] = ("finished", "running", "waiting", "failed", "again")


@dataclass(frozen=True)
class RunState:
    """How far a run folder is.

    Attributes:
        folder: which.
        controllers: of the last run, or those that live, with how it is with them.
        log: what the log of the last of them tells.
        found: what is at work.
        jobs: the jobs that are begun and not finished, or that failed, and how it stands with each.
        finished: how many were, by stage.
        strangers: unfinished outputs of which no log tells whose they are.
        progress: how far the last of the controllers was when it told so last; None where it did not.
        broken: notes of controllers that cannot be read.
    """

    folder: RunFolder
    controllers: Sequence[tuple[Controller, State]]
    log: RunLog
    found: AtWork
    jobs: Sequence[tuple[LoggedJob, Standing]]
    finished: Counter[str]
    strangers: Sequence[str]
    progress: progress.Progress | None = None
    broken: Sequence[BrokenNote] = ()

    @property
    def stages(self) -> dict[str, Counter[Standing]]:
        """Stage -> how many of its jobs stand how; of those of the last plan, too, that are not begun."""
        found: dict[str, Counter[Standing]] = {}
        for stage in self.progress.stages if self.progress is not None else ():
            found[stage] = Counter()
        for stage, count in self.finished.items():
            found.setdefault(stage, Counter())["finished"] += count
        for job, standing in self.jobs:
            found.setdefault(job.stage, Counter())[standing] += 1
        return dict(sorted(found.items()))

    def of(self, standing: Standing) -> list[LoggedJob]:
        """The jobs that stand so."""
        return [job for job, how in self.jobs if how == standing]


def look(results: Path) -> RunState:
    """Return how far a run folder is, from what lies in it and what runs; in seconds, whatever the size of the run."""
    folder = RunFolder(results)
    now = time.time()
    notes = controllers(folder)
    states = [(one, one.state(now)) for one in notes]
    shown = [pair for pair in states if pair[1] == "alive"] or states[-1:]
    slurm = any(one.executor == "slurm" and how != "ended" for one, how in states) or may_have_slurm_jobs(
        folder
    )
    found = at_work(folder, notes, now, slurm and there_is_slurm(), ANSWER_S)
    logs = [_log_of(folder, one) for one, _ in reversed(states[-LOGS:])]
    last = logs[0] if logs else RunLog()
    unfinished = {mark.output: mark.job_id for mark in folder.marks()}
    jobs = [*last.jobs.values(), *_left_behind(logs[1:], last, unfinished)]
    alive = shown[-1][0] if found.controllers else None
    standings = [(job, how) for job in jobs if (how := _standing(job, alive, found)) != "finished"]
    named = {output for job in jobs for output in job.outputs}
    return RunState(
        folder, shown, last, found, standings,
        _finished(folder, {job.place for job, _ in standings}),
        sorted(output for output in unfinished if output not in named),
        progress.read(shown[-1][0].file) if shown else None, broken_notes(folder),
    )  # fmt: skip


def _log_of(folder: RunFolder, one: Controller) -> RunLog:
    # another machine may see the folder elsewhere; and where results are a link, the log is not beside them
    beside = folder.memory / "log" / Path(one.log).name
    return read_log(beside if beside.is_file() else one.log)


def _left_behind(logs: Iterable[RunLog], last: RunLog, unfinished: Iterable[str]) -> Iterator[LoggedJob]:
    """Jobs of earlier runs with unfinished outputs, to which no later run has come back."""
    left = set(unfinished) - {output for job in last.jobs.values() for output in job.outputs}
    for log in logs:
        for job in log.jobs.values():
            if left.intersection(job.outputs):
                left.difference_update(job.outputs)
                yield job


def _standing(job: LoggedJob, alive: Controller | None, found: AtWork) -> Standing:
    if job.fate in ("finished", "failed"):
        return "finished" if job.fate == "finished" else "failed"
    if (
        job.slurm
        and (known := next((one for one in found.jobs if one.number == job.slurm), None)) is not None
    ):
        return "waiting" if known.state == "PENDING" else "running"
    if alive is not None:
        return "waiting" if job.fate == "awaits another try" else "running"
    return "running" if any(_makes(one, job) for one in found.processes) else "again"


def _makes(one: Process, job: LoggedJob) -> bool:
    """Whether a process makes what a job is to: a word of its command line is an output, or the folder of one."""
    words = {word.rstrip("/") for word in one.words}
    return any(output in words or str(Path(output).parent) in words for output in job.outputs)


def _finished(folder: RunFolder, others: set[str]) -> Counter[str]:
    """Count the jobs by stage that Snakemake has measured, but for those that are not finished now."""
    root = folder.results / "benchmarks"
    found: Counter[str] = Counter()
    for where, _, names in os.walk(root):
        for name in names:
            place = (Path(where) / name).relative_to(root).with_suffix("")
            if name.endswith(".tsv") and place.as_posix() not in others:
                found[place.parts[0]] += 1
    return found


def over(job: LoggedJob, jobs: Sequence[SlurmJob]) -> bool:
    """Whether SLURM ran a job and does so no more."""
    return bool(job.slurm) and all(one.number != job.slurm for one in jobs)
