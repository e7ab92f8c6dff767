"""What tables will take, before anything runs: jobs, hours, room on disk, and the limits that this will break."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from affectssm.plan.costs import HOUR, Cost, Costs, scaled
from affectssm.plan.plan import Plan
from affectssm.plan.walk import Walk
from affectssm.vocabulary.needs import UNSAID

TRIES = 3
"""Attempts of a job: the first, and the retries of profiles/slurm."""


@dataclass(frozen=True)
class Limits:
    """What a partition allows; None for what nobody has said.

    Attributes:
        hours: of a job; None where nothing limits it, as on one machine.
        memory_gb: of a node.
        cores: of a node.
        disk_gb: that are free.
    """

    hours: float | None
    memory_gb: float | None = None
    cores: int | None = None
    disk_gb: float | None = None


@dataclass(frozen=True)
class Stage:
    """The jobs of a kind.

    Attributes:
        kind: the rule, and of extraction the feature.
        costs: what each takes; where some have run, scaled by what those took over what was expected of them.
        measured: how many have run.
    """

    kind: str
    costs: tuple[Cost, ...]
    measured: int

    @property
    def core_hours(self) -> float:
        """Hours of CPUs, of jobs without a GPU."""
        return sum(one.hours * one.busy for one in self.costs if not one.gpus)

    @property
    def gpu_hours(self) -> float:
        """Hours of GPUs."""
        return sum(one.hours * one.gpus for one in self.costs)

    @property
    def gb(self) -> float:
        """GB that are written."""
        return sum(one.kb for one in self.costs) / 1e6

    @cached_property
    def longest(self) -> Cost:
        """The job that takes longest at worst."""
        return max(self.costs, key=lambda one: one.worst)

    @property
    def peak_mb(self) -> float:
        """The most memory that a job of the kind took here."""
        return max((one.ran.get("max_rss", 0.0) for one in self.costs), default=0.0)

    @property
    def sure(self) -> str:
        """How sure the rate is: measured here, shipped, scaled, or not known; and what was assumed beside it."""
        need = self.longest.job.need
        if self.measured:
            return f"measured here ({self.measured} of {len(self.costs)} jobs)"
        if not self.longest.known:
            return UNSAID
        said = f"{'scaled' if scaled(need) else 'shipped'}: {need.source}"
        return f"{said}; GPU assumed" if self.longest.gpus else said


class Estimate:
    """What some tables of a configuration take.

    Args:
        plan: of the configuration; its corpora have extents.
        tables: their names.

    Attributes:
        stages: the kinds of jobs, in the order in which they run.

    Raises:
        ConfigError: for a table that there is not.
    """

    def __init__(self, plan: Plan, tables: Sequence[str]) -> None:
        self.plan, self.tables = plan, tables
        costs, found = Costs(plan), defaultdict[str, list[Cost]](list)
        for job in Walk(plan, tables):
            found[job.kind].append(costs.of(job))
        self.stages = [_stage(kind, found[kind]) for kind in sorted(found, key=_order)]

    @property
    def core_hours(self) -> float:
        """Core hours of all jobs without a GPU."""
        return sum(one.core_hours for one in self.stages)

    @property
    def gpu_hours(self) -> float:
        """GPU hours of all jobs."""
        return sum(one.gpu_hours for one in self.stages)

    @property
    def gb(self) -> float:
        """GB that all jobs write."""
        return sum(one.gb for one in self.stages)

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return sum(len(one.costs) for one in self.stages)

    def warnings(self, limits: Limits) -> Iterator[str]:
        """Yield what will break a limit, and what to set."""
        for stage in self.stages:
            corpus = stage.longest.job.corpus
            shards = self.plan.places.settings_of(corpus).shards if corpus else 0
            yield from _too_long(stage, limits, shards)
            yield from _too_large(stage, limits)
        if limits.disk_gb is not None and self.gb > limits.disk_gb:
            free = f"{limits.disk_gb:,.0f} GB are free"
            yield f"disk: {self.gb:,.0f} GB will be written, and {free}: results/ elsewhere"


def _order(kind: str) -> tuple[int, str]:
    """Kinds in the order in which they run, as far as their names tell."""
    first = ("demo_corpora", "manifest", "complete", "extract face_track", "extract")
    last = ("evaluate", "submission", "edition_table", "table")
    for place, name in enumerate(first):
        if kind.startswith(name):
            return place - len(first), kind
    return next((1 + place for place, name in enumerate(last) if kind.startswith(name)), 0), kind


def _stage(kind: str, costs: Sequence[Cost]) -> Stage:
    ran = [one for one in costs if one.ran]
    # a job that computes on a GPU is timed by the clock, others by their CPUs
    took = sum(one.ran["s" if one.gpus else "cpu_time"] for one in ran)
    expected = sum(one.hours * (1 if one.gpus else one.busy) * HOUR for one in ran)
    if not ran or not took:
        return Stage(kind, tuple(costs), 0)
    factor = took / expected if costs[0].known else 1.0
    own = took / len(ran) / HOUR
    return Stage(
        kind,
        tuple(
            replace(one, hours=factor * one.hours, worst=factor * one.worst)
            if one.known
            else replace(one, hours=own, worst=own, known=True)
            for one in costs
        ),
        len(ran),
    )


def _too_long(stage: Stage, limits: Limits, shards: int) -> Iterator[str]:
    longest = stage.longest
    if limits.hours is None:
        return
    allowed = min(longest.limit_h, limits.hours)
    if longest.worst <= allowed:
        return
    told = "your limit" if limits.hours <= longest.limit_h else "the limit of its rule"
    tries = math.ceil(longest.worst / allowed)
    corpus, shard = longest.job.corpus, longest.job.wildcards.get("shard")
    what = f"the longest shard ({corpus} {shard})" if corpus and shard else "the longest job"
    remedies = []
    if corpus and shard:
        remedies.append(f"corpora.{corpus}.shards: {tries * shards} or more, now {shards}")
    if longest.job.network and longest.job.need.gpu and not longest.gpus:
        remedies.append("a GPU (cluster.gpus: 1)")
    remedies.append("a partition with a longer limit (cluster.hours)")
    goes_on = "; it does not go on where it was ended"
    if longest.job.resumes:
        more = f", more than {TRIES}: --retries {tries - 1}" if tries > TRIES else ""
        goes_on = f"; what is finished of it is kept, so that {tries} attempts end it{more}"
    usual = f"{longest.hours:,.0f} h, up to " if longest.worst > 1.2 * longest.hours else ""
    yield (
        f"{stage.kind}: {what} takes {usual}{longest.worst:,.0f} h, more than {told} of {allowed:g} h: "
        f"{', or '.join(remedies)}{goes_on}"
    )


def _too_large(stage: Stage, limits: Limits) -> Iterator[str]:
    asked, cores = (max(getattr(one, what) for one in stage.costs) for what in ("mem_mb", "cores"))
    if stage.peak_mb > asked:
        yield (
            f"{stage.kind}: a job took {stage.peak_mb:,.0f} MB here, and its rule asks for {asked:,} MB: "
            f"--set-resources {stage.longest.job.rule}:mem_mb={round(1.5 * stage.peak_mb)}"
        )
    if limits.memory_gb is not None and asked > 1000 * limits.memory_gb:
        yield (
            f"{stage.kind}: its rule asks for {asked / 1000:g} GB, more than your limit of {limits.memory_gb:g} GB: "
            "other nodes, or cluster.memory_gb, with which it gets no more than that"
        )
    if limits.cores is not None and cores > limits.cores:
        yield (
            f"{stage.kind}: its rule asks for {cores} CPUs, more than your limit of {limits.cores}: fewer threads "
            "and workers"
        )
