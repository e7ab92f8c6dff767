"""What Snakemake's log of a run tells of its jobs, as far as the run came."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_PART = re.compile(r"^ {4}(output|log|jobid|wildcards|benchmark): (.*)$")
_FINISHED = re.compile(r"^Finished jobid: (\d+) ")
_FAILED = re.compile(r"^Error in rule \w+:$")
_AGAIN = re.compile(r"^Trying to restart job (\d+)\.$")
_SUBMITTED = re.compile(r"^Job (\d+) has been submitted with SLURM jobid (\S+) \(log: (.*)\)\.$")
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
        fate: how far it came.
    """

    rule: str
    wildcards: str = ""
    outputs: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    place: str = ""
    slurm: str = ""
    slurm_log: str = ""
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


def read_log(path: Path) -> RunLog:
    """Return what a log tells; nothing where it cannot be read."""
    run = RunLog()
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            _follow((line.rstrip("\n") for line in lines), run)
    except OSError:
        return RunLog()
    return run


def _follow(lines: Iterator[str], run: RunLog) -> None:
    job: LoggedJob | None = None
    failing = False
    for line in lines:
        if found := _JOB.match(line):
            job, failing = LoggedJob(found[1]), False
        elif _FAILED.match(line):
            job, failing = None, True
        elif found := _PART.match(line):
            if failing and found[1] == "jobid":
                _set(run, found[2], "failed")
                failing = False
            elif job is not None:
                _fill(job, found[1], found[2], run)
        elif found := _FINISHED.match(line):
            _set(run, found[1], "finished")
        elif found := _AGAIN.match(line):
            _set(run, found[1], "awaits another try")
        elif found := _SUBMITTED.match(line):
            if (sent := run.jobs.get(int(found[1]))) is not None:
                sent.slurm, sent.slurm_log = found[2], found[3]
        elif found := _STEPS.match(line):
            run.done, run.total = int(found[1]), int(found[2])


def _set(run: RunLog, number: str, fate: Fate) -> None:
    if (job := run.jobs.get(int(number))) is not None:
        job.fate = fate


def _fill(job: LoggedJob, part: str, said: str, run: RunLog) -> None:
    if part == "output":
        job.outputs = tuple(said.split(", "))
    elif part == "log":
        job.logs = tuple(said.split(", "))
        job.place = job.place or _place(job.logs[0], ".log")
    elif part == "benchmark":
        job.place = _place(said, ".tsv")
    elif part == "wildcards":
        job.wildcards = said
    elif said.isdecimal():
        run.jobs[int(said)] = job  # of a further try of a job too, which begins anew


def _place(path: str, ending: str) -> str:
    """The part of ``results/logs/{place}.log`` or ``results/benchmarks/{place}.tsv``."""
    return "/".join(path.removesuffix(ending).split("/")[2:])
