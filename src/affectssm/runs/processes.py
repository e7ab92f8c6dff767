"""Processes of this machine, as /proc tells of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from affectssm.runs.folder import RunFolder

PROC = Path("/proc")
# Subcommands that no rule calls: they look, or write elsewhere.
LOOKING = frozenset(
    {
        "cancel",
        "check",
        "config",
        "device",
        "estimate",
        "export",
        "features",
        "models",
        "pack",
        "status",
        "weights",
    }
)
PACKED = ".zip"  # of a packed model, which `affectssm predict` names in place of a family
PATIENCE_S = 10  # between asking a process to end and ending it


@dataclass(frozen=True)
class Process:
    """A process, by what nothing else shares.

    Attributes:
        pid: its number.
        born: when it began, in the kernel's ticks since the machine's start: another process of the number has another.
        parent: its parent's number.
        words: its command line.
    """

    pid: int
    born: int
    parent: int
    words: tuple[str, ...]

    @property
    def lives(self) -> bool:
        """Whether it is still there; one that ended and whom nobody has asked about is not."""
        with suppress(OSError, ValueError, IndexError):
            born, _, state = _stat(self.pid)
            return born == self.born and state not in "ZX"
        return False

    @property
    def command(self) -> str:
        """What it does: the subcommand and its first words, without the interpreter."""
        return " ".join(self.words[_place_of_command(self.words) :])

    @property
    def begun(self) -> float:
        """When it began, in seconds of the epoch."""
        boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return boot + self.born / os.sysconf("SC_CLK_TCK")


def process(pid: int) -> Process | None:
    """Return a process, or None where there is none of the number."""
    try:
        born, parent, _ = _stat(pid)
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return None
    return Process(
        pid, born, parent, tuple(word.decode("utf-8", "replace") for word in raw.split(b"\0")[:-1])
    )


def _stat(pid: int) -> tuple[int, int, str]:
    """When a process began, its parent and its state."""
    text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return int(fields[19]), int(fields[1]), fields[0]


def all_processes() -> list[Process]:
    """Every process of this machine."""
    found = (process(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdecimal())
    return [one for one in found if one is not None]


def stages_at_work(folder: RunFolder) -> list[Process]:
    """Return the processes of this machine that compute a stage into these results.

    This process, those that it descends from and its own children are not among them. Of a process and the children
    that do its work, the first alone is named.
    """
    everyone = {one.pid: one for one in all_processes()}
    own = {one.pid for one in _line(everyone, os.getpid())}
    found = {}
    for pid, one in everyone.items():
        if pid in own or not is_stage(one.words) or not folder.is_that_of(PROC / str(pid) / "cwd"):
            continue
        if os.getpid() not in {ancestor.pid for ancestor in _line(everyone, pid)}:
            found[pid] = one
    return sorted(
        (
            one
            for one in found.values()
            if not any(above.pid in found for above in _line(everyone, one.parent))
        ),
        key=lambda one: (one.born, one.pid),
    )


def slurm_job_of(one: Process) -> str | None:
    """Return the number of the SLURM job that a process belongs to, as far as that may be known here."""
    with suppress(OSError):
        for entry in (PROC / str(one.pid) / "environ").read_bytes().split(b"\0"):
            if entry.startswith(b"SLURM_JOB_ID="):
                return entry.partition(b"=")[2].decode("utf-8", "replace")
    return None


def controllers_of(some: Iterable[Process]) -> list[Process]:
    """Return the Snakemakes of this machine that some stages were started by, but for those inside SLURM's jobs."""
    everyone = {one.pid: one for one in all_processes()}
    lines = [_line(everyone, one.parent) for one in some if slurm_job_of(one) is None]
    found = {above.pid: above for line in lines for above in line if is_controller(above.words)}
    return sorted(found.values(), key=lambda one: (one.born, one.pid))


def is_controller(words: Sequence[str]) -> bool:
    """Whether a command line is that of a Snakemake that submits jobs, and is not itself one."""
    return any(Path(word).name == "snakemake" for word in words[:3]) and "--target-jobs" not in words


def is_stage(words: Sequence[str]) -> bool:
    """Whether a command line is that of a stage."""
    place = _place_of_command(words)
    if not 0 < place < len(words) or words[place].startswith("-") or words[place] in LOOKING:
        return False
    return words[place] != "predict" or not any(word.endswith(PACKED) for word in words[place + 1 :])


def _place_of_command(words: Sequence[str]) -> int:
    """Where the subcommand of affectssm stands in a command line; 0 where there is none."""
    if words and Path(words[0]).name == "affectssm":
        return 1
    if words and Path(words[0]).name.startswith("python"):
        for place, word in enumerate(words[1:3], 1):
            if Path(word).name == "affectssm" or word == "affectssm.cli":
                return place + 1
    return 0


def _line(everyone: dict[int, Process], pid: int) -> Iterator[Process]:
    """A process, its parent, and so on."""
    seen: set[int] = set()
    while pid in everyone and pid not in seen:
        seen.add(pid)
        yield everyone[pid]
        pid = everyone[pid].parent


def end(some: Iterable[Process]) -> list[Process]:
    """End processes and what descends from them, by force where they do not after :data:`PATIENCE_S`.

    Returns:
        those that are still there, as those of another user.
    """
    roots = {one.pid for one in some}
    everyone = {one.pid: one for one in all_processes()}
    whole = [one for one in everyone.values() if roots & {above.pid for above in _line(everyone, one.pid)}]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for one in whole:
            if one.lives:
                with suppress(OSError):
                    os.kill(one.pid, number)
        until = time.monotonic() + PATIENCE_S
        while any(one.lives for one in whole) and time.monotonic() < until:
            time.sleep(0.05)
    return [one for one in whole if one.lives]
