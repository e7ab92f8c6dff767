"""A SLURM cluster on this machine: several nodes, loopback only, in a folder of its own; for tests alone.

Everything has its own ports, keys and sockets and runs as the user who starts it, so it disturbs no SLURM or MariaDB
that is here already. Nodes are slurmd processes, which Debian's package allows several of on a machine.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.cluster import configuration

PROGRAMS = {
    "munge": ["munged", "munge"],
    "slurm-wlm": ["slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sacct", "srun"],
}
ACCOUNTING_PROGRAMS = {
    "slurmdbd": ["slurmdbd"],
    "mariadb-server": ["mariadbd", "mariadb-install-db", "mariadb"],
}
# Daemons lie where not every user's PATH leads.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def missing(accounting: bool = False) -> list[str]:
    """Debian's packages that a cluster needs and that are not installed here."""
    wanted = PROGRAMS | (ACCOUNTING_PROGRAMS if accounting else {})
    return [
        package
        for package, programs in wanted.items()
        if not all(shutil.which(program, path=PATH) for program in programs)
    ]


def until(done: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until something is so; TimeoutError names what was awaited."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not so after {seconds:.0f} s")
        time.sleep(0.1)


class NoClusterError(Exception):
    """A daemon did not come up here; its last words are in the message."""


@dataclass(frozen=True)
class Job:
    """A job as ``squeue --states=all`` shows it; ``name`` is the run's id, ``comment`` rule and wildcards."""

    id: int
    name: str
    state: str
    node: str
    comment: str

    def of(self, rule: str) -> bool:
        """Whether it is a job of a rule."""
        return self.comment == f"rule_{rule}" or self.comment.startswith(f"rule_{rule}_wildcards_")


class Slurm:
    """A running cluster; a context that leaves nothing behind.

    ``nodes`` by name (node1, node2, ...), each with ``cpus``, ``memory_mb`` and ``gpus`` that only count: no card is
    behind them. With ``accounting`` slurmdbd keeps it in a MariaDB of its own; without, ``sacct`` is on the PATH and
    answers nothing. A job that takes more memory than it asked for is killed (JobAcctGather, once a second: no
    rights over control groups are needed), so its state is FAILED with status 137, not OUT_OF_MEMORY.
    """

    def __init__(
        self, nodes: int = 2, cpus: int = 2, memory_mb: int = 16000, gpus: int = 0, accounting: bool = False
    ) -> None:
        self.nodes = [f"node{number + 1}" for number in range(nodes)]
        self.accounting = accounting
        self._shape = configuration.Shape(cpus, memory_mb, gpus)
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.folder = Path()

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs in its environment to speak with this cluster."""
        return self.environment_of(dict(os.environ))

    def environment_of(self, other: dict[str, str]) -> dict[str, str]:
        """An environment, extended by what speaks with this cluster and with no other."""
        own = {name: value for name, value in other.items() if not name.startswith(("SLURM", "SBATCH"))}
        path = [str(self.folder / "bin"), other.get("PATH", os.defpath), "/usr/sbin", "/sbin"]
        return own | {"SLURM_CONF": self._conf, "PATH": os.pathsep.join(path)}

    @property
    def _conf(self) -> str:
        return str(self.folder / "slurm.conf")

    def __enter__(self) -> Slurm:
        # not below pytest's folder: a socket's path has 107 characters at most
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.folder.chmod(0o755)
        try:
            self._start()
        except (OSError, AssertionError) as error:
            said = "".join(f"\n{log.name}: {log.read_text()[-500:]}" for log in self.folder.glob("log/*"))
            self.close()
            raise NoClusterError(f"{error}{said}") from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        ports = iter(free_ports(3 + len(self.nodes)))
        database, dbd = next(ports), next(ports)
        place = configuration.Place(self.folder, getpass.getuser(), next(ports), dbd, database)
        configuration.write(place, self._shape, dict(zip(self.nodes, ports, strict=True)), self.accounting)
        self._keep_srun()
        self._start_munge()
        if self.accounting:
            self._start_accounting(database, dbd)
        self.controller_up()
        for node in self.nodes:
            self.node_up(node)

    def _keep_srun(self) -> None:
        """A job's Snakemake (slurm-jobstep 0.6) calls srun without SLURM_CONF; a SLURM in /etc needs none."""
        (self.folder / "bin").mkdir()
        srun = self.folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={self._conf} exec {shutil.which("srun", path=PATH)} "$@"\n')
        srun.chmod(0o755)

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        files = [f"--{name}-file={folder / name}" for name in ("key", "pid", "seed", "log")]
        # force: a temporary folder may lie below one that others cannot enter
        self._daemon("munged", "--foreground", "--force", f"--socket={self.folder / 'munge.socket'}", *files)
        until((self.folder / "munge.socket").exists, "munged listens")

    def _start_accounting(self, database: int, dbd: int) -> None:
        data, at = self.folder / "database", f"--socket={self.folder / 'database.socket'}"
        # its data without a user's own configuration; root's password is empty, and only this machine gets there
        install = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={data}"]
        self.run("mariadb-install-db", "--no-defaults", *install, f"--user={getpass.getuser()}")
        here = ["--bind-address=127.0.0.1", f"--port={database}", at, f"--user={getpass.getuser()}"]
        memory = ["--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900"]
        self._daemon("mariadbd", "--no-defaults", f"--datadir={data}", *here, *memory)
        client = ["mariadb", "--no-defaults", "--user=root", at]
        until(lambda: self.ask(*client, "--execute=select 1").returncode == 0, "MariaDB answers", 60)
        self.run(*client, f"--execute={configuration.DATABASE_USER}")
        self._daemon("slurmdbd", "-D")
        until(lambda: answers(dbd), "slurmdbd listens", 60)

    def controller_up(self) -> None:
        """Start slurmctld, with the state it had when it was stopped."""
        self._daemon("slurmctld", "-D")
        until(lambda: self.ask("scontrol", "ping").returncode == 0, "slurmctld answers")

    def controller_away(self) -> None:
        """Stop slurmctld; jobs go on."""
        self._stop("slurmctld", signal.SIGTERM)

    def node_up(self, node: str) -> None:
        """Start a node and wait until it takes jobs."""
        (self.folder / node).mkdir(exist_ok=True)
        self._daemon("slurmd", "-D", "-N", node, name=node)
        until(lambda: self.state_of(node) in ("idle", "mix", "alloc"), f"{node} takes jobs", 60)

    def node_down(self, node: str) -> None:
        """A node dies with its jobs, as without power; the controller notices within half a minute."""
        self._stop(node, signal.SIGKILL)
        # those first that would tell the controller how a job ended: they lie in their slurmd's folder
        for process in [*self._processes_in(self.folder / node), *self._processes(SLURMD_NODENAME=node)]:
            kill(process)

    def state_of(self, node: str) -> str:
        """The state of a node as ``sinfo`` says it, without flags: idle, mix, alloc, down, ..."""
        said = self.ask("sinfo", "--noheader", f"--nodes={node}", "--format=%t").stdout
        return said.strip().rstrip("*~#!%$@^-")

    def jobs(self) -> list[Job]:
        """All jobs that the controller remembers (MinJobAge: 300 s), the first submitted first."""
        said = self.run("squeue", "--noheader", "--states=all", "--format=%i|%j|%T|%N|%k").stdout
        rows = [line.split("|", 4) for line in said.splitlines()]
        return sorted((Job(int(row[0]), *row[1:]) for row in rows), key=lambda job: job.id)

    def running(self, job: int) -> bool:
        """Whether a job runs."""
        return any(known.id == job and known.state == "RUNNING" for known in self.jobs())

    def processes_of(self, job: int) -> list[int]:
        """The processes of a job that runs."""
        return list(self._processes(SLURM_JOB_ID=str(job)))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that speaks with the cluster; AssertionError with its words if it fails."""
        run = self.ask(*command)
        assert run.returncode == 0, f"{command}: {run.stdout}{run.stderr}"
        return run

    def ask(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        # found by the PATH that leads to daemons, too
        command = (shutil.which(command[0], path=PATH) or command[0], *command[1:])
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, text=True, capture_output=True, check=False
        )

    def log(self, name: str) -> str:
        """What a daemon wrote: munged, slurmctld, slurmdbd, mariadbd, or a node's name."""
        return (self.folder / "log" / name).read_text(errors="replace")

    def _daemon(self, program: str, *arguments: str, name: str = "") -> None:
        name = name or program
        folder = self.folder / name
        with (self.folder / "log" / name).open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                # ends with the tests, should they be killed
                ["setpriv", "--pdeathsig", "KILL", shutil.which(program, path=PATH) or program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=folder if folder.is_dir() else self.folder,
                start_new_session=True,
            )

    def _stop(self, name: str, how: signal.Signals) -> None:
        daemon = self._daemons.pop(name)
        daemon.send_signal(how)
        daemon.wait(timeout=30)

    def _processes(self, **wanted: str) -> Iterable[int]:
        """Processes of this cluster, of whichever session, by what their environment holds."""
        wanted["SLURM_CONF"] = self._conf
        marks = {f"{name}={value}".encode() for name, value in wanted.items()}
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):  # ended meanwhile, or somebody else's
                if marks <= set(environ.read_bytes().split(b"\0")):
                    yield int(environ.parent.name)

    def _processes_in(self, folder: Path) -> Iterable[int]:
        """Processes whose working directory is a folder."""
        for cwd in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if cwd.readlink() == folder:
                    yield int(cwd.parent.name)

    def close(self) -> None:
        """End all that was started here, jobs and what runs Snakemake included, and remove the folder."""
        end = time.monotonic() + 20
        while processes := list(self._processes()):
            for process in processes:
                kill(process)
            for daemon in self._daemons.values():
                daemon.poll()
            if time.monotonic() > end:
                break
            time.sleep(0.1)
        self._daemons.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


def kill(process: int) -> None:
    """End a process that may have ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def answers(port: int) -> bool:
    """Whether something listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens at just now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
