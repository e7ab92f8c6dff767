"""What Snakemake's log of a run tells of its jobs, as far as the run came."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_PART = re.compile(r"^ {4}(output|log|jobid|wildcards|benchmark): (.*)$")
_FINISHED = re.compile(r"^Finished jobid: (\d+) ")
_FAILED = re.compile(r"^Error in rule \w+:$")
_AGAIN = re.compile(r"^Trying to restart job (\d+)\.$")
_SUBMITTED = re.compile(r"^Job (\d+) has been submitted with SLURM jobid (\S+) \(log: (.*)\)\.$")
_ENDED = re.compile(r"^ {4}message: SLURM-job '([^']+)' failed.* SLURM status is: '([^']+)'")
_STEPS = re.compile(r"^(\d+) of (\d+) steps ")

Fate = Literal["begun", "finished", "failed", "awaits another try"]


@dataclass
class LoggedJob:
    """A job of a run.

    Attributes:
        rule: its rule.
        wildcards: as Snakemake writes them.
        outputs: what it makes.
        logs: what it writes itself.
        place: its stage and wildcards as a path, as its files in ``results/logs`` and ``results/benchmarks`` have it.
        slurm: SLURM's number of its last try, "" for a job that SLURM did not run.
        slurm_log: what SLURM writes of that try.
        slurm_state: SLURM's word for how that try ended, where it failed.
        fate: how far it came.
    """

    rule: str
    wildcards: str = ""
    outputs: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    place: str = ""
    slurm: str = ""
    slurm_log: str = ""
    slurm_state: str = ""
    fate: Fate = "begun"

    @property
    def stage(self) -> str:
        """The folder of its files in ``results/logs``."""
        return self.place.partition("/")[0] or self.rule

    @property
    def name(self) -> str:
        """Its rule and the values of its wildcards."""
        values = [pair.partition("=")[2] for pair in self.wildcards.split(", ") if pair]
        return " ".join([self.rule, "/".join(values)]).strip()


@dataclass
class RunLog:
    """A run as its log tells it.

    Attributes:
        jobs: by Snakemake's number.
        done, total: steps, as Snakemake counted them last; None before the first was done.
    """

    jobs: dict[int, LoggedJob] = field(default_factory=dict)
    done: int | None = None
    total: int | None = None


def read_log(path: Path | str) -> RunLog:
    """Return what a log tells; nothing where it cannot be read."""
    reader = _Reader()
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                reader.take(line.rstrip("\n"))
    except OSError:
        return RunLog()
    return reader.run


class _Reader:
    """What was read of a log so far, and whose description the next lines belong to."""

    def __init__(self) -> None:
        self.run = RunLog()
        self._job: LoggedJob | None = None
        self._failing = False
        self._says: list[tuple[re.Pattern[str], Callable[[re.Match[str]], None]]] = [
            (_PART, self._part),
            (_JOB, self._begins),
            (_FAILED, self._fails),
            (_FINISHED, lambda found: self._set(found[1], "finished")),
            (_AGAIN, lambda found: self._set(found[1], "awaits another try")),
            (_SUBMITTED, self._submitted),
            (_ENDED, self._ended),
            (_STEPS, self._steps),
        ]

    def take(self, line: str) -> None:
        """Read a line."""
        for pattern, take in self._says:
            if found := pattern.match(line):
                take(found)
                return

    def _begins(self, found: re.Match[str]) -> None:
        self._job, self._failing = LoggedJob(found[1]), False

    def _fails(self, _: re.Match[str]) -> None:
        self._job, self._failing = None, True

    def _part(self, found: re.Match[str]) -> None:
        part, said = found.groups()
        if self._failing and part == "jobid":
            self._set(said, "failed")
            self._failing = False
        elif (job := self._job) is None:
            return
        elif part == "output":
            job.outputs = tuple(said.split(", "))
        elif part == "log":
            job.logs = tuple(said.split(", "))
            job.place = job.place or _place(job.logs[0], ".log")
        elif part == "benchmark":
            job.place = _place(said, ".tsv")
        elif part == "wildcards":
            job.wildcards = said
        elif said.isdecimal():
            self.run.jobs[int(said)] = job  # of a further try too, which begins anew

    def _submitted(self, found: re.Match[str]) -> None:
        if (job := self.run.jobs.get(int(found[1]))) is not None:
            job.slurm, job.slurm_log = found[2], found[3]

    def _ended(self, found: re.Match[str]) -> None:
        for job in self.run.jobs.values():
            if job.slurm == found[1]:
                job.slurm_state = found[2]

    def _steps(self, found: re.Match[str]) -> None:
        self.run.done, self.run.total = int(found[1]), int(found[2])

    def _set(self, number: str, fate: Fate) -> None:
        if (job := self.run.jobs.get(int(number))) is not None:
            job.fate = fate


def _place(path: str, ending: str) -> str:
    """The part of ``results/logs/{place}.log`` or ``results/benchmarks/{place}.tsv``."""
    return "/".join(path.removesuffix(ending).split("/")[2:])
