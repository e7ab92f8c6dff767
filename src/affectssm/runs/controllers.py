"""Who computes into a results folder: a note of every Snakemake that does, with a sign of life.

Snakemake's own lock says neither who holds it nor on which machine. A note lies in ``results/controllers``, and its
time is renewed while its writer lives, so that other machines that share the folder see it too.
"""

from __future__ import annotations

import atexit
import dataclasses
import getpass
import json
import os
import platform
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from affectssm.errors import DataError
from affectssm.runs import progress
from affectssm.runs.folder import RunFolder
from affectssm.runs.processes import PROC, process
from affectssm.store.atomic import write_json

PULSE_S = 20.0
SILENT_S = 180.0  # without a sign of life: nine pulses, and what a network file system holds back
KEPT = 20  # notes of those that live no more
_RUN_ID = re.compile(r"^SLURM run ID: (\S+)$", re.MULTILINE)

State = Literal["alive", "silent", "dead", "ended"]

# Annotation of a note's field -> what JSON has for it.
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "float | None": (int, float, type(None)),
    "dict[str, int]": (dict,),
}  # fmt: skip


@dataclass(frozen=True)
class Controller:
    """A note of who computes into a results folder.

    Attributes:
        host: the machine.
        boot: what is the machine's until it is started again, and a container's own.
        pid, born: the process, see :class:`~affectssm.runs.processes.Process`.
        user: whose.
        begun: when, in seconds of the epoch.
        command: what was called.
        executor: Snakemake's word for where its jobs run.
        log: what Snakemake writes of the run.
        run_id: the name of all its SLURM jobs.
        locks: the lock files that stood when it began, its own among them.
        ended: when it came to an end by itself.
        file: where the note lies.
        seen: its last sign of life.
    """

    host: str
    boot: str
    pid: int
    born: int
    user: str
    begun: float
    command: str
    executor: str = "local"
    log: str = ""
    run_id: str = ""
    locks: dict[str, int] = field(default_factory=dict)
    ended: float | None = None
    file: Path = Path()
    seen: float = 0.0

    def state(self, now: float) -> State:
        """Return whether it lives; of another machine's process, as far as its signs of life tell."""
        if self.ended is not None:
            return "ended"
        if self.boot == this_boot():
            there = process(self.pid)
            lives = there is not None and there.born == self.born and there.lives
            return "alive" if lives and not self._elsewhere else "dead"
        if now - self.seen < SILENT_S:
            return "alive"
        return "dead" if self.host == platform.node() else "silent"

    @property
    def _elsewhere(self) -> bool:
        """Whether a process of this machine works in another folder: the note was copied with the results."""
        folder = PROC / str(self.pid) / "cwd"
        try:
            folder.stat()
        except OSError:  # another user's
            return False
        return not RunFolder(self.file.parents[1]).is_that_of(folder)

    @property
    def here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.boot == this_boot()

    def __str__(self) -> str:
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.begun))
        return f"{self.host}, process {self.pid} of {self.user}, since {begun}: {self.command}"


@dataclass(frozen=True)
class BrokenNote:
    """A note that cannot be read.

    Attributes:
        file: where it lies.
        found: what was found in it.
    """

    file: Path
    found: str


def this_boot() -> str:
    """Return what only processes share that see each other: of this start of the machine, in this container."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no path
    return platform.node()


def controllers(folder: RunFolder) -> list[Controller]:
    """Return every note there is that can be read, the latest last."""
    return sorted((one for one in _notes(folder) if isinstance(one, Controller)), key=lambda one: one.begun)


def broken_notes(folder: RunFolder) -> list[BrokenNote]:
    """Return the notes that cannot be read: damaged, or of another version of affectssm."""
    return [one for one in _notes(folder) if isinstance(one, BrokenNote)]


def _notes(folder: RunFolder) -> Iterator[Controller | BrokenNote]:
    for path in sorted(_home(folder).glob("*.json")):
        try:
            yield _read(path)
        except FileNotFoundError:  # removed just now
            continue
        except (OSError, ValueError, TypeError) as error:
            yield BrokenNote(path, " ".join(str(getattr(error, "strerror", "") or error).split()))


def _read(path: Path) -> Controller:
    """Read a note.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not one.
    """
    said = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(said, dict):
        raise ValueError(f"{type(said).__name__} and not an object with what a note says")
    names = {one.name: one for one in dataclasses.fields(Controller) if one.name not in ("file", "seen")}
    wanted = {
        name for name, one in names.items() if one.default is one.default_factory is dataclasses.MISSING
    }
    if (odd := sorted(said.keys() - names.keys())) or (lacks := sorted(wanted - said.keys())):
        raise ValueError(f"with an unknown {odd[0]}" if odd else f"without {lacks[0]}")
    for name, value in said.items():
        if not isinstance(value, _KINDS[str(names[name].type)]) or isinstance(value, bool):
            raise ValueError(f"{name} is {str(value)[:40]!r}")
    return Controller(**said, file=path, seen=path.stat().st_mtime)


def _home(folder: RunFolder) -> Path:
    return folder.results / "controllers"


def register(folder: RunFolder, command: str, executor: str, log: str) -> Controller:
    """Leave a note that this process computes into a results folder; give it a pulse by :func:`keep`.

    Raises:
        DataError: if it cannot be written.
    """
    own = process(os.getpid())
    begun = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(begun))
    host = re.sub(r"[^\w.-]", "_", platform.node())
    noted = Controller(
        host=platform.node(),
        boot=this_boot(),
        pid=os.getpid(),
        born=own.born if own is not None else 0,
        user=_user(),
        begun=begun,
        command=command,
        executor=executor,
        log=log,
        run_id=_run_id(log),
        locks=folder.locks(),
        file=_home(folder) / f"{stamp}-{host}-{os.getpid()}.json",
    )
    _write(noted)
    return dataclasses.replace(noted, seen=noted.file.stat().st_mtime)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return str(os.getuid())


def _run_id(log: str) -> str:
    """The name that the SLURM executor gives its jobs, which it tells the log before it submits any."""
    with suppress(OSError):
        if found := _RUN_ID.findall(Path(log).read_text(encoding="utf-8", errors="replace")):
            return found[-1]
    return ""


def _write(noted: Controller) -> None:
    said = dataclasses.asdict(noted)
    del said["file"], said["seen"]
    write_json(noted.file, said)


def keep(folder: RunFolder, noted: Controller) -> None:
    """Renew a note of this process for as long as it lives, say in it when it ends, and drop the oldest ones."""
    for old in [one for one in controllers(folder) if one.state(noted.seen) in ("dead", "ended")][:-KEPT]:
        old.file.unlink(missing_ok=True)
        progress.beside(old.file).unlink(missing_ok=True)
    stopped = threading.Event()

    def pulse() -> None:
        while not stopped.wait(PULSE_S):
            with suppress(OSError):  # a full disk or a file system that is away: no reason to stop
                os.utime(noted.file)

    def stop() -> None:
        stopped.set()
        if noted.file.exists():  # else somebody has cleared the results away
            with suppress(DataError):
                _write(dataclasses.replace(noted, ended=time.time()))

    threading.Thread(target=pulse, name="sign of life", daemon=True).start()
    atexit.register(stop)
