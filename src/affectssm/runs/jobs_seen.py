"""What a controller knows of its jobs: a look at Snakemake's plan of the run while it goes on.

Only what is handed in is asked, by the names that Snakemake 9 has for it; Snakemake itself is not imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

WAIT_S = 0.5  # for a scheduler that is busy: it is asked again the next time

Fate = Literal["finished", "running", "failed", "waiting", "blocked"]


@dataclass(frozen=True)
class SeenJob:
    """A job of the run.

    Attributes:
        rule: its rule.
        wildcards: their values.
        place: its stage and wildcards as a path, as its files in ``results/logs`` and ``results/benchmarks`` have it.
        fate: how far it came; ``blocked`` waits for one that failed.
        behind: places of the unfinished jobs that it waits for.
    """

    rule: str
    wildcards: Mapping[str, str]
    place: str
    fate: Fate = "waiting"
    behind: tuple[str, ...] = ()

    @property
    def stage(self) -> str:
        """The folder of its files in ``results/logs``."""
        return self.place.partition("/")[0]


@dataclass(frozen=True)
class Seen:
    """All jobs of a run at one time.

    Attributes:
        jobs: those that the run has to do, finished ones included.
        limits: what is shared by jobs that run at a time: ``cores``, ``nodes`` (jobs on a cluster), ``gpu``; none where
            there is no end of it.
        more: whether further jobs become known, once a checkpoint is passed.
    """

    jobs: tuple[SeenJob, ...]
    limits: Mapping[str, int]
    more: bool


class Looker:
    """Looks at the jobs of a run.

    Args:
        workflow: Snakemake's, which has planned.
    """

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._known: dict[Any, SeenJob] = {}

    @property
    def silent(self) -> bool:
        """Whether the user has asked Snakemake for no words about progress."""
        return not self._workflow.scheduler.print_progress

    def look(self) -> Seen | None:
        """Return the jobs as they stand now; None while the scheduler is busy with them."""
        scheduler, dag = self._workflow.scheduler, self._workflow.dag
        # Between these two the plan does not change. What takes longer than to copy comes after.
        if not scheduler._lock.acquire(timeout=WAIT_S):
            return None
        try:
            needed = tuple(dag.needrun_jobs(exclude_finished=False))
            every = tuple(dag.jobs)
            finished = {job for job in every if dag.finished(job)}
            running, failed = tuple(scheduler.running), tuple(scheduler.failed)
            waits = {job: tuple(dag.job_dependencies(job)) for job in needed if job not in finished}
            more = bool(tuple(dag.checkpoint_jobs))
        finally:
            scheduler._lock.release()
        jobs = [job for job in dict.fromkeys((*needed, *finished)) if not job.rule.norun]
        self._known = {job: self._known.get(job) or _seen(job) for job in jobs}
        fates = _fates(jobs, finished, set(_single(running)), set(_single(failed)), waits)
        still = {job for job, fate in fates.items() if fate != "finished"}
        found = tuple(
            replace(
                known,
                fate=fates[job],
                behind=tuple(self._known[one].place for one in waits.get(job, ()) if one in still),
            )
            for job, known in self._known.items()
        )
        return Seen(found, _limits(scheduler.global_resources), more)


def _single(jobs: Iterable[Any]) -> Iterator[Any]:
    """Jobs, those of a group each by itself."""
    for job in jobs:
        yield from job if job.is_group() else [job]


def _seen(job: Any) -> SeenJob:
    path, ending = (str(job.benchmark), ".tsv") if job.benchmark else (str(next(iter(job.log), "")), ".log")
    place = "/".join(path.removesuffix(ending).split("/")[2:])
    wildcards = {str(name): str(value) for name, value in job.wildcards_dict.items()}
    return SeenJob(job.rule.name, wildcards, place or "/".join([job.rule.name, *wildcards.values()]))


def _fates(
    jobs: Iterable[Any], finished: set[Any], running: set[Any], failed: set[Any], waits: Mapping[Any, Iterable[Any]]
) -> dict[Any, Fate]:  # fmt: skip
    found: dict[Any, Fate] = {}
    for job in jobs:
        if job in finished:
            found[job] = "finished"
        elif job in failed:
            found[job] = "failed"
        else:
            found[job] = "running" if job in running else "waiting"
    if failed:
        _block(found, failed, waits)
    return found


def _block(fates: dict[Any, Fate], failed: set[Any], waits: Mapping[Any, Iterable[Any]]) -> None:
    """Mark what waits for a job that failed, at any number of steps."""
    depending: dict[Any, list[Any]] = {}
    for job, some in waits.items():
        for one in some:
            depending.setdefault(one, []).append(job)
    at = list(failed)
    while at:
        for job in depending.get(at.pop(), ()):
            if fates.get(job) == "waiting":
                fates[job] = "blocked"
                at.append(job)


def _limits(resources: Mapping[str, Any]) -> dict[str, int]:
    names = {"_cores": "cores", "_nodes": "nodes", "gpu": "gpu"}
    return {
        names[name]: int(value)
        for name, value in resources.items()
        if name in names and isinstance(value, int) and 0 < value < sys.maxsize
    }
