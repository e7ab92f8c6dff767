"""Nothing is computed in a folder in which something else is at work.

Two that compute into one folder take away each other's files while they are written. Snakemake's lock keeps two
controllers apart as long as both live; the jobs of one that was killed go on, on SLURM and on its own machine, and
know of no lock.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affectssm.errors import AffectError
from affectssm.runs.controllers import Controller, State, controllers, keep, register
from affectssm.runs.folder import RunFolder
from affectssm.runs.processes import Process, controllers_of, slurm_job_of, stages_at_work
from affectssm.runs.slurm import NoAnswerError, SlurmJob, jobs_of, there_is_slurm

NAMED = 12  # jobs of a message
CLEARING_S = 60.0  # how long jobs that are being cleared away are waited for
BETWEEN_S = 2.0  # and how often they are looked at
KNOWING = "snakemake --nolock ..., if you know that both make different files"


class BusyError(AffectError):
    """Something else is at work in the run folder."""


@dataclass(frozen=True)
class AtWork:
    """What is at work in a run folder.

    Attributes:
        controllers: those that live.
        silent: those of other machines of which nobody knows it.
        jobs: of SLURM.
        processes: stages on this machine.
        unnoted: Snakemakes that started these and live, of whom there is no note: those of an earlier version.
        unknown: why nobody knows which jobs SLURM runs; None where it said so.
    """

    controllers: Sequence[Controller] = ()
    silent: Sequence[Controller] = ()
    jobs: Sequence[SlurmJob] = ()
    processes: Sequence[Process] = ()
    unnoted: Sequence[Process] = ()
    unknown: NoAnswerError | None = None

    def __bool__(self) -> bool:
        return bool(self.controllers or self.jobs or self.processes)

    @property
    def lines(self) -> list[str]:
        """What is at work, a line each; where a controller lives, jobs are its own."""
        if self.controllers:
            return [f"snakemake on {one}" for one in self.controllers]
        return [
            *map(str, self.jobs),
            *(f"snakemake, process {one.pid}" for one in self.unnoted),
            *(f"process {one.pid}: {one.command[:100]}" for one in self.processes),
        ]


def at_work(
    folder: RunFolder, notes: Sequence[Controller], now: float, ask_slurm: bool, limit_s: float | None = None
) -> AtWork:
    """Look at who works in a run folder.

    Args:
        folder: the run folder.
        notes: those of other controllers.
        now: by the clock that the notes' signs of life go by.
        ask_slurm: whether jobs of SLURM may be its.
        limit_s: how long to wait for SLURM.
    """
    by = _by_state(notes, now)
    jobs: list[SlurmJob] = []
    unknown = None
    if ask_slurm:
        try:
            limit = {} if limit_s is None else {"limit_s": limit_s}
            jobs = jobs_of(folder, [one.run_id for one in notes if one.run_id], **limit)
        except NoAnswerError as error:
            unknown = error
    numbers = {job.number for job in jobs}
    stages = [one for one in stages_at_work(folder) if slurm_job_of(one) not in numbers]
    unnoted = [] if by["alive"] else controllers_of(stages)
    return AtWork(by["alive"], by["silent"], jobs, stages, unnoted, unknown)


def _by_state(notes: Sequence[Controller], now: float) -> dict[State, list[Controller]]:
    found: dict[State, list[Controller]] = {"alive": [], "silent": [], "dead": [], "ended": []}
    for one in notes:
        found[one.state(now)].append(one)
    return found


def may_have_slurm_jobs(folder: RunFolder) -> bool:
    """Whether SLURM has to be asked by one that does not use it itself: an output is a job's that SLURM numbered."""
    return there_is_slurm() and any(mark.job_id is not None for mark in folder.marks())


class Guard:
    """What keeps a controller from a folder in which something else is at work.

    Args:
        results: the folder that everything is computed into.
    """

    def __init__(self, results: str) -> None:
        self._folder = RunFolder(Path(results))

    def at_start(self) -> str | None:
        """Take away the lock of a controller that was killed; return what is to be said of one that lives.

        A lock goes only where it is known that it is a dead one's: its note names the lock's files and their times.
        """
        standing = self._folder.locks()
        if not standing:
            return None
        notes = [one for one in controllers(self._folder) if one.ended is None]
        by = _by_state(notes, time.time())
        if by["alive"] or by["silent"]:
            return str(busy(AtWork(by["alive"], by["silent"])))
        if notes and standing.items() <= {item for one in notes for item in one.locks.items()}:
            for name in standing:
                (self._folder.memory / "locks" / name).unlink(missing_ok=True)
            print(f"Killed before its end, its lock is taken away: snakemake on {notes[-1]}", file=sys.stderr)
        return None

    def before_jobs(self, executor: str, log: str, knowing: bool) -> Controller:
        """Leave a note that this process computes here, unless something else does; return the note.

        Args:
            executor: Snakemake's word for where jobs run.
            log: the file that Snakemake writes of this run.
            knowing: whether the user has said that it may be so; it is then only told.

        Raises:
            BusyError: if something else is at work here.
            NoAnswerError: if nobody knows whether it is.
        """
        own = register(self._folder, " ".join(sys.argv), executor, log)
        try:
            found = self._look(own, executor)
            error = busy(found) if found else found.unknown
            if error is not None and knowing:
                print(f"Going on beside what is at work here (--nolock):\n{error}", file=sys.stderr)
            elif error is not None:
                raise error
            for one in found.silent:
                print(_of_silent(one), file=sys.stderr)
        except AffectError:
            own.file.unlink(missing_ok=True)
            raise
        keep(self._folder, own)
        return own

    def _look(self, own: Controller, executor: str) -> AtWork:
        """Look at who works here; wait for jobs that are only being cleared away."""
        ask = executor == "slurm" or may_have_slurm_jobs(self._folder)
        until = time.monotonic() + CLEARING_S
        while True:
            notes = [one for one in controllers(self._folder) if one.file != own.file]
            living = _by_state(notes, own.seen)["alive"]
            found = AtWork(living) if living else at_work(self._folder, notes, own.seen, ask)
            clearing = found.jobs and all(job.ending for job in found.jobs)
            if not clearing or time.monotonic() > until:
                return found
            time.sleep(BETWEEN_S)


def _of_silent(one: Controller) -> str:
    seen = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.seen))
    return f"No sign of life since {seen} of snakemake on {one}."


def busy(found: AtWork) -> BusyError:
    """What to say of what is at work, and what to do about it."""
    unknown = [] if found.unknown is None else [f"SLURM, perhaps: it does not answer ({found.unknown.found})"]
    lines = [*unknown, *found.lines, *map(_of_silent, found.silent)]
    more = [f"... and {len(lines) - NAMED} more (affectssm status)"] if len(lines) > NAMED else []
    what = "".join(f"\n              {line}" for line in [*lines[:NAMED], *more])
    return BusyError(
        "the run folder", f"at work in it already:{what}",
        "nothing else that computes into the same files", _remedy(found),
    )  # fmt: skip


def _remedy(found: AtWork) -> str:
    if found.unknown is not None:  # what was found may be processes of its jobs
        return found.unknown.remedy
    return f"{_what_to_do(found)}.\n            Or {KNOWING}"


def _what_to_do(found: AtWork) -> str:
    if found.controllers:
        one = found.controllers[0]
        return (
            "wait for its end (affectssm status), or end it with its jobs: Ctrl-C where it runs, or"
            f" kill -INT {one.pid} on {one.host}; kill {one.pid} lets the jobs that run come to their end"
        )
    if found.unnoted:
        return (
            "wait for its end, or end it with its jobs: Ctrl-C where it runs, or"
            f" kill -INT {found.unnoted[0].pid} on this machine"
        )
    if found:
        numbers, processes = [job.number for job in found.jobs], [str(one.pid) for one in found.processes]
        by_hand = [
            " ".join([program, *some[:NAMED], *(["..."] if some[NAMED:] else [])])
            for program, some in (("scancel", numbers), ("kill", processes))
            if some
        ]
        return (
            f"their controller is gone: affectssm cancel ends them (or {' and '.join(by_hand)});"
            " what they have finished is kept, and the same command then goes on"
        )
    one = found.silent[0]
    return (
        f"if process {one.pid} is not on {one.host} any more: snakemake --unlock, and the same command again"
    )
