"""How long the rest of a run takes at least, by what is expected of its jobs and what finished ones took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from affectssm.errors import AffectError
from affectssm.runs.jobs_seen import Seen, SeenJob

BETWEEN_S = 5.0  # at most, that a core is without work between two jobs: more is not Snakemake's doing


@dataclass(frozen=True)
class Expected:
    """What is expected of a job.

    Attributes:
        kind: jobs of one kind are expected to differ from what they take by the same factor.
        seconds: that it takes; None where nobody has measured.
        cores, gpus: that it takes them with.
    """

    kind: str
    seconds: float | None = None
    cores: int = 1
    gpus: int = 0


Expecting = Callable[[str, Mapping[str, str]], Expected]
"""What is expected of a job, given its rule and wildcards."""
Taking = Callable[[str], float | None]
"""The seconds that a finished job took, given its place; None where nothing tells."""


def nothing_expected(rule: str, _: Mapping[str, str]) -> Expected:
    """Return what is expected of a job of which only its rule is known."""
    return Expected(rule)


class TimeLeft:
    """The time left of a run, by all looks at it so far.

    Args:
        expecting: tells what is expected of a job; raises KeyError or an error of ours while that is not known.
        taking: tells what a finished job took.
    """

    def __init__(self, expecting: Expecting, taking: Taking) -> None:
        self._expecting, self._taking = expecting, taking
        self._took: dict[str, float | None] = {}
        self._since: dict[str, float] = {}
        self._begun: float | None = None

    def left(self, seen: Seen, now: float) -> tuple[float | None, bool]:
        """Return the seconds that are left at least, None where of no job it is known, and whether it is of all.

        Args:
            seen: the jobs of the run.
            now: any clock that goes on evenly.
        """
        self.watch(seen.jobs, now)
        expected = {
            job.place: self._expected(job) for job in seen.jobs if job.fate not in ("failed", "blocked")
        }
        factors = _Factors(
            (expected[job.place], took)
            for job in seen.jobs
            if job.fate == "finished" and (took := self._took[job.place]) is not None
        )
        rest: dict[str, float] = {}
        unknown = False
        between = self._between(seen, expected, now)
        open_jobs = [job for job in seen.jobs if job.fate in ("running", "waiting")]
        for job in open_jobs:
            seconds = factors.seconds(expected[job.place])
            unknown |= seconds is None
            whole = seconds + between if seconds is not None and job.fate == "waiting" else seconds or 0.0
            rest[job.place] = max(0.0, whole - (now - self._since.get(job.place, now)))
        if open_jobs and not any(rest.values()):
            return None if unknown else 0.0, not unknown
        return max(_shares(rest, expected, seen.limits), _longest(open_jobs, rest)), not unknown

    def watch(self, jobs: Iterable[SeenJob], now: float) -> None:
        """Remember since when jobs run, and what those took that have ended.

        Args:
            jobs: all of the run.
            now: any clock that goes on evenly.
        """
        if self._begun is None:
            self._begun = now
        since: dict[str, float] = {}
        for job in jobs:
            if job.fate == "running":
                since[job.place] = self._since.get(job.place, now)
            elif job.fate == "finished" and job.place not in self._took:
                self._took[job.place] = self._taking(job.place)
        self._since = since

    def _between(self, seen: Seen, expected: Mapping[str, Expected], now: float) -> float:
        """The seconds that a core was without work for each job that has ended: Snakemake's own, above all."""
        cores, done = seen.limits.get("cores"), 0
        if cores is None:
            return 0.0
        busy = 0.0
        for job in seen.jobs:
            if job.fate in ("finished", "running"):
                took = self._took[job.place] if job.fate == "finished" else now - self._since[job.place]
                busy += (took or 0.0) * min(cores, expected[job.place].cores)
                done += job.fate == "finished"
        idle = (now - (now if self._begun is None else self._begun)) * cores - busy
        return min(BETWEEN_S, max(0.0, idle / done)) if done else 0.0

    def _expected(self, job: SeenJob) -> Expected:
        try:
            return self._expecting(job.rule, job.wildcards)
        except (KeyError, AffectError):  # of a corpus that is not discovered yet
            return Expected(job.rule)


class _Factors:
    """By what factor jobs differ from what is expected of them, by kind.

    Args:
        finished: what was expected of each job, and the seconds that it took.
    """

    def __init__(self, finished: Iterable[tuple[Expected, float]]) -> None:
        took, expected, self._own = defaultdict[str, float](float), defaultdict[str, float](float), {}
        own = defaultdict[str, list[float]](list)
        for one, seconds in finished:
            own[one.kind].append(seconds)
            if one.seconds:
                took[one.kind] += seconds
                expected[one.kind] += one.seconds
        self._by_kind = {kind: took[kind] / expected[kind] for kind in took}
        self._all = sum(took.values()) / sum(expected.values()) if took else 1.0
        self._own = {kind: sum(some) / len(some) for kind, some in own.items()}

    def seconds(self, one: Expected) -> float | None:
        """Return what a job takes; None where nothing is known of its kind."""
        if one.seconds:
            return one.seconds * self._by_kind.get(one.kind, self._all)
        return self._own.get(one.kind)


def _shares(rest: Mapping[str, float], expected: Mapping[str, Expected], limits: Mapping[str, int]) -> float:
    """The seconds in which what is shared is used up, were it used all the time."""
    used = dict.fromkeys(limits, 0.0)
    for place, seconds in rest.items():
        one = expected[place]
        taken = {"cores": min(one.cores, limits.get("cores", one.cores)), "nodes": 1, "gpu": one.gpus}
        for name in limits:
            used[name] += seconds * taken[name]
    return max((used[name] / limits[name] for name in limits), default=0.0)


def _longest(jobs: Iterable[SeenJob], rest: Mapping[str, float]) -> float:
    """The seconds of the longest chain of jobs of which each waits for the one before."""
    behind = {job.place: [one for one in job.behind if one in rest] for job in jobs}
    ends: dict[str, float] = {}
    todo = list(behind)
    while todo:
        place = todo[-1]
        if place in ends:
            todo.pop()
        elif first := [one for one in behind[place] if one not in ends]:
            todo += first
        else:
            ends[place] = rest[place] + max((ends[one] for one in behind[place]), default=0.0)
    return max(ends.values(), default=0.0)
