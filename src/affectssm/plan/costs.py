"""What a job takes and asks for: hours, CPUs, a GPU, memory, room on disk."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affectssm.plan.plan import Plan
from affectssm.plan.scales import Scales
from affectssm.plan.walk import Planned
from affectssm.vocabulary.feature_needs import FULL_PIXELS
from affectssm.vocabulary.needs import Need

START_S = 3.0
"""Seconds in which a job starts, before its work: Python and its libraries (a demo run)."""
HOUR = 3600.0


@dataclass(frozen=True)
class Cost:
    """What a job takes and asks for.

    Attributes:
        job: the job.
        hours: as a rule, with the CPUs and the GPU that it asks for.
        worst: hours at worst.
        known: whether anybody has measured what it does.
        cores, gpus: that it asks for.
        busy: of its CPUs, those whose hours these are.
        mem_mb: MB of memory that it asks for, whatever nodes have.
        limit_h: hours that its first attempt asks for.
        kb: KB that it writes.
        ran: what Snakemake measured of it, ``s``, ``cpu_time`` and ``max_rss``, if it has run at
            this scale.
    """

    job: Planned
    hours: float
    worst: float
    known: bool
    cores: int
    busy: int
    gpus: int
    mem_mb: int
    limit_h: float
    kb: float
    ran: Mapping[str, float]


class Costs:
    """What jobs of a plan take.

    Args:
        plan: its corpora have extents.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._asked = plan, plan.resources
        self._scales = Scales(Path(plan.results))

    def of(self, job: Planned) -> Cost:
        """Return what a job takes."""
        usual, worst = self._seconds(job)
        step = job.step
        gpus = self._asked.gpus(job.network, job.need)
        mem_mb = step.memory if step is not None else int(job.need.mem_mb)
        return Cost(
            job,
            (START_S + usual) / HOUR,
            (START_S + worst) / HOUR,
            job.need.cpu_s is not None,
            self.cores(job),
            self.cores(job) if job.feature else 1,
            gpus,
            mem_mb,
            self._asked.minutes(self._minutes(job), 1) / 60,
            job.need.kb * self._amount(job),
            self._ran(job),
        )

    def _ran(self, job: Planned) -> dict[str, float]:
        """What was measured of a job, if it ran at the scale of the plan, as far as that is known."""
        path = Path(self._plan.results, "benchmarks", f"{job.place}.tsv")
        found = measured(path)
        if found and self._scales.at(path.stat().st_mtime) not in (None, self._plan.config.scale):
            return {}
        return found

    def seconds(self, job: Planned) -> float:
        """Return the seconds that a job takes as a rule, after its start; 0 where nobody has measured.

        Raises:
            KeyError: while it is not known how much there is of its corpus.
        """
        return self._seconds(job)[0]

    def _seconds(self, job: Planned) -> tuple[float, float]:
        """The seconds of a job as a rule and at worst; none where nobody has measured."""
        if job.step is not None:
            taken = job.step.seconds(job.wildcards)
            return taken, taken
        amount = self._amount(job)
        if job.feature:
            usual, worst = self._asked.extraction_cost(job.feature, self._pixels(job))
            return usual * amount, worst * amount
        taken = float(job.need.cpu_s or 0.0) * amount
        return taken, taken

    def _amount(self, job: Planned) -> float:
        """How much a job works through."""
        if job.need.per == "job" or job.corpus is None:
            return 1.0
        return self._plan.places.extent(job.corpus).amount(job.need.per, job.wildcards.get("shard"))

    def _pixels(self, job: Planned) -> int:
        given = self._plan.places.extent(job.corpus).pixels if job.corpus else None
        return given or FULL_PIXELS

    def _minutes(self, job: Planned) -> int:
        if job.step is not None:
            return job.step.minutes(job.wildcards)
        seconds = self._plan.places.extent(job.corpus).seconds if job.corpus else {}
        known = self._asked.extraction_limit(job.feature, seconds) if job.feature else None
        return known or job.need.minutes

    def cores(self, job: Planned) -> int:
        """Return the CPUs that a job asks for."""
        if job.step is not None:
            return job.step.threads
        if job.feature:
            return self._plan.config.features.threads if job.network else 1
        return self._asked.threads(job.rule)


def measured(path: Path) -> dict[str, float]:
    """Return what Snakemake measured of a job, by the names it has for it; nothing where it has not."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, csv.Error):
        return {}
    found = {}
    for name in ("s", "cpu_time", "max_rss"):
        try:
            found[name] = float(rows[-1][name])
        except (LookupError, TypeError, ValueError):
            return {}
    return found


def scaled(need: Need) -> bool:
    """Whether numbers follow from others by scaling or are assumed, and were not measured as they stand."""
    return any(word in need.source for word in ("scaled", "assumed", "at most"))
