"""What SLURM knows of the jobs of a run folder, and how they are cancelled; works with and without accounting."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from affectssm.errors import AffectError
from affectssm.runs.folder import RunFolder

LIMIT_S = 60.0  # for one answer; squeue itself tries again for a while where the controller is away
ENDING_S = 120.0  # what a job that was cancelled may take to end: KillWait, and a node that answers slowly
AT_ONCE = 500  # jobs of one scancel
_BETWEEN = "\x1f"  # stands in no field
# number, name, user, state, reason, time, nodes, comment, folder
_FIELDS = ("%i", "%j", "%u", "%T", "%r", "%M", "%N", "%k", "%Z")
# Snakemake's plugin names all jobs of a run by a UUID, after a prefix where one is configured
_RUN_ID = re.compile(r"(?:[\w-]+_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COMMENT = re.compile(r"(?:rule|group)_(?P<rule>.+?)(?:_wildcards_(?P<wildcards>.*))?")


class NoAnswerError(AffectError):
    """SLURM did not say which jobs there are; that is not the same as that there are none."""


@dataclass(frozen=True)
class SlurmJob:
    """A job that waits, runs or is about to end.

    Attributes:
        number: SLURM's number of it.
        name: the run's.
        user: whose.
        state: SLURM's word, as ``RUNNING``.
        reason: why it waits.
        time: how long it has run, as SLURM writes it.
        nodes: where.
        comment: rule and wildcards, as Snakemake's plugin leaves them.
        folder: in which it runs.
    """

    number: str
    name: str
    user: str
    state: str
    reason: str
    time: str
    nodes: str
    comment: str
    folder: str

    @property
    def rule(self) -> str:
        """The rule; "" where nothing says it."""
        found = _COMMENT.fullmatch(self.comment)
        return found["rule"] if found else ""

    @property
    def what(self) -> str:
        """The rule and the values of its wildcards."""
        found = _COMMENT.fullmatch(self.comment)
        return " ".join(filter(None, found.group("rule", "wildcards"))) if found else self.name

    @property
    def ending(self) -> bool:
        """Whether it is only being cleared away."""
        return self.state == "COMPLETING"

    def __str__(self) -> str:
        if self.state == "PENDING":
            where = f"waits: {self.reason}"
        else:
            where = f"{self.state.lower()} for {self.time}{' on ' if self.nodes else ''}{self.nodes}"
        return f"SLURM job {self.number} of {self.user}, {self.what}, {where}"


def there_is_slurm() -> bool:
    """Whether this machine can ask SLURM."""
    return shutil.which("squeue") is not None


def jobs_of(folder: RunFolder, run_ids: Iterable[str] = (), limit_s: float = LIMIT_S) -> list[SlurmJob]:
    """Return the jobs of Snakemake in a run folder that SLURM has not ended, of whatever controller.

    Args:
        folder: the run folder.
        run_ids: names of runs that are known to be its.
        limit_s: how long to wait for an answer.

    Raises:
        NoAnswerError: where SLURM does not say.
    """
    return [job for job in parsed(_ask(limit_s)) if _belongs(job, folder, frozenset(run_ids))]


def parsed(text: str) -> list[SlurmJob]:
    """Return the jobs that squeue lists, as :func:`_ask` asks for them."""
    rows = [line.split(_BETWEEN) for line in text.splitlines()]
    jobs = (SlurmJob(*(_said(value) for value in row)) for row in rows if len(row) == len(_FIELDS))
    return sorted(jobs, key=lambda job: (len(job.number), job.number))


def _said(value: str) -> str:
    text = value.strip()
    return "" if text == "(null)" else text


def _belongs(job: SlurmJob, folder: RunFolder, run_ids: frozenset[str]) -> bool:
    if job.name in run_ids:
        return True
    if not _RUN_ID.fullmatch(job.name):
        return False  # somebody's own job that was begun in this folder
    if Path(job.folder) == folder.path.absolute():
        return True
    # other users' folders are not touched: one on a file system that hangs would hang this
    return job.user in (_own_user(), "") and folder.is_that_of(job.folder)


def _own_user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def _ask(limit_s: float) -> str:
    run = _run(["squeue", "--noheader", "--all", "--format", _BETWEEN.join(_FIELDS)], limit_s)
    if run.returncode != 0:
        raise _no_answer("squeue", " ".join(run.stderr.split()) or f"exit status {run.returncode}")
    return run.stdout


def _run(command: list[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Call one of SLURM's programs without what a user has set for its words and choice of jobs."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("SQUEUE_", "SCANCEL_"))}
    try:
        return subprocess.run(
            command, env=own, text=True, errors="replace", capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise _no_answer(command[0], f"no answer within {limit_s:.0f} s") from None
    except OSError as error:
        raise _no_answer(command[0], error.strerror or str(error)) from None


def _no_answer(program: str, found: str) -> NoAnswerError:
    return NoAnswerError(
        f"SLURM ({program})", found, "an answer: without one nobody knows whether jobs still run in this folder",
        "wait until squeue answers, and give the same command again; snakemake --nolock, if you know that none do",
    )  # fmt: skip


def cancel(jobs: Sequence[SlurmJob], folder: RunFolder, run_ids: Iterable[str] = ()) -> list[SlurmJob]:
    """Cancel jobs and wait until they are gone.

    Returns:
        those that are still there after :data:`ENDING_S`, as those of another user.

    Raises:
        NoAnswerError: where SLURM does not say what became of them.
    """
    ids = list(run_ids)
    numbers = [job.number for job in jobs]
    for start in range(0, len(numbers), AT_ONCE):
        # of a job that is over already it complains; what counts is who is left
        _run(["scancel", *numbers[start : start + AT_ONCE]], LIMIT_S)
    until = time.monotonic() + ENDING_S
    while True:
        left = [job for job in jobs_of(folder, ids) if job.number in numbers]
        if not left or time.monotonic() > until:
            return left
        time.sleep(1)
