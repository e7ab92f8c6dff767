"""Mends of Snakemake's plugin for SLURM (2.8), which loses jobs, or waits for them without end, when a cluster fails.

What the plugin does by itself, and what is put in its place while a run lasts:

* all its queries fail, as with slurmctld away: it forgets every job and waits without end. Here a query that fails
  says nothing of any job, is named, and is made again.
* it asks ``sacct`` where ``squeue`` was asked for and does not answer: ``squeue`` stays.
* a job that SLURM no longer lists, or whose node was lost and that is not put back, is waited for without end: here its
  outputs say how it ended.
* a job is submitted while slurmctld is away, which fails: it is submitted when slurmctld answers.
* without accounting its report of what jobs used ends in an error: there is none.
* nodes that failed once are left out for ever, of a single one "None assigned" among them, after which every
  submission fails (snakemake-executor-plugin-slurm, issue 485): SLURM itself knows which nodes are down.
* at Ctrl-C it cancels what it knows of just then, which is nothing while it asks for states, and submits what waits
  to be submitted: here nothing is submitted any more, and all jobs of the run are cancelled by its name.

Nothing is imported from Snakemake: the plugin's module is given.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Protocol

from affectssm.errors import ConfigError

LIMIT_S = 60.0  # for one answer
AGAIN_S = 600.0  # between two words about an outage
NEVER_S = 10**9  # the plugin asks sacct instead of squeue where jobs are forgotten sooner than that


class Logger(Protocol):
    """What is needed of Snakemake's."""

    def debug(self, said: str) -> None: ...

    def info(self, said: str) -> None: ...

    def warning(self, said: str) -> None: ...


class Heard:
    """Passes words of debugging on and keeps the last, which name what went wrong."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self.last = ""

    def debug(self, said: str) -> None:
        """Keep it."""
        self.last = said
        self._logger.debug(said)


class Outage:
    """Says that SLURM does not answer, once in ten minutes, and that it does again."""

    def __init__(self) -> None:
        self._said: float | None = None

    def goes_on(self, logger: Logger, why: str) -> None:
        """SLURM did not answer."""
        now = time.monotonic()
        if self._said is None or now - self._said >= AGAIN_S:
            logger.warning(
                f"SLURM does not answer: {' '.join(why.split())}\nJobs that run go on, and will be asked for again. "
                "If this lasts, ask your cluster's administrators whether slurmctld runs."
            )
            self._said = now

    def is_over(self, logger: Logger) -> None:
        """SLURM answered."""
        if self._said is not None:
            logger.info("SLURM answers again.")
        self._said = None


class Mends:
    """What the mends of one run know: its executor, when each job was submitted, and whether the run is ending."""

    def __init__(self, seconds: float = 5.0) -> None:
        """``seconds`` between two questions whether slurmctld is there."""
        self._seconds = seconds
        self._submitted: dict[Any, float] = {}
        self._active: Sequence[Any] = ()
        self._gone: set[str] = set()
        self._lists_all = False
        self._ending = threading.Event()
        self._queries, self._submissions = Outage(), Outage()

    def run_job(self, original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Submit when slurmctld is there, and not any more when the run ends."""

        def run_job(executor: Any, job: Any) -> None:
            while why := no_controller():
                self._submissions.goes_on(executor.logger, why)
                if self._ending.wait(self._seconds):
                    return
            self._submissions.is_over(executor.logger)
            if not self._ending.is_set():
                self._submitted[job] = time.time()
                original(executor, job)

        return run_job

    def check_active_jobs(
        self, original: Callable[..., AsyncIterator[Any]]
    ) -> Callable[..., AsyncIterator[Any]]:
        """Note which jobs are asked for."""

        async def check_active_jobs(executor: Any, active_jobs: Sequence[Any]) -> AsyncIterator[Any]:
            self._active = list(active_jobs)
            # squeue lists the jobs of one cluster; sacct may learn of a job late
            self._lists_all = (
                executor.get_status_command() == "squeue" and not executor._submitted_job_clusters
            )
            async for job in original(executor, active_jobs):
                yield job

        return check_active_jobs

    def query_job_status(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """A query that fails says nothing of any job; one that is found gone twice running has ended."""

        async def query_job_status(command: str, logger: Logger) -> tuple[dict[str, str], float]:
            heard = Heard(logger)
            states, seconds = await original(command, heard)
            if states is None:
                self._queries.goes_on(logger, heard.last)
                await asyncio.sleep(0)
                return {}, 0.0
            self._queries.is_over(logger)
            # of a lost node's job that is put back squeue says PENDING; the plugin waits for one that is not
            gone = {number for number, state in states.items() if state == "NODE_FAIL"}
            if self._lists_all:
                gone |= {job.external_jobid for job in self._active} - set(states)
            for job in self._active:
                if job.external_jobid in gone & self._gone:
                    states[job.external_jobid] = self._ended(job, logger)
            self._gone = gone
            # "CANCELLED by 1000" of sacct is CANCELLED
            return {number: state.split(" ")[0] for number, state in states.items()}, seconds

        return query_job_status

    def _ended(self, info: Any, logger: Logger) -> str:
        """The state of a job that is gone: completed if all it makes is there and was made since."""
        # a file's time may lie some milliseconds behind the clock
        made = made_since(info.job.output, self._submitted.get(info.job, float("inf")) - 1.0)
        logger.warning(
            f"SLURM neither runs job {info.external_jobid} ({info.job}) nor will; what it makes is "
            + ("there: it counts as finished." if made else "not there: it counts as failed.")
        )
        return "COMPLETED" if made else "FAILED"

    def cancel_jobs(self, original: Callable[..., None]) -> Callable[..., None]:
        """Cancel all jobs of the run, those too that were just being submitted or asked for."""

        def cancel_jobs(executor: Any, active_jobs: Sequence[Any]) -> None:
            self._ending.set()
            executor._job_submission_executor.shutdown(wait=True)
            try:
                original(executor, active_jobs)
            finally:
                subprocess.run(["scancel", "--name", executor.run_uuid], check=False, timeout=LIMIT_S)

        return cancel_jobs


def mend(plugin: ModuleType) -> None:
    """Put the mends into the plugin's module and its ``Executor``.

    Raises:
        ConfigError: when it is another plugin than 2.8 and lacks what is mended.
    """
    mends, executor = Mends(), plugin.Executor
    mended: list[tuple[Any, str, Callable[[Any], Any]]] = [
        (plugin, "get_min_job_age", lambda _: lambda: NEVER_S),
        (plugin, "query_job_status", mends.query_job_status),
        (plugin, "get_submit_command", without_lost_nodes),
        (plugin, "create_efficiency_report", where_accounted),
        (executor, "run_job", mends.run_job),
        (executor, "check_active_jobs", mends.check_active_jobs),
        (executor, "cancel_jobs", mends.cancel_jobs),
    ]
    if lacking := [name for owner, name, _ in mended if not hasattr(owner, name)]:
        raise ConfigError(
            "Snakemake's plugin for SLURM", f"no {lacking[0]} in it", "version 2.8, as in envs/requirements.lock",
            "make environment",
        )  # fmt: skip
    for owner, name, of in mended:
        setattr(owner, name, of(getattr(owner, name)))


def without_lost_nodes(original: Callable[..., str]) -> Callable[..., str]:
    """Leave out those nodes alone that the user named (``--slurm-exclude-failed-nodes``)."""

    def get_submit_command(job: Any, params: Any, settings: Any = None, failed_nodes: Any = None) -> str:
        named = (settings and settings.exclude_failed_nodes) or ""
        kept = {node.strip() for node in named.split(",") if node.strip()}
        return original(job, params, settings=settings, failed_nodes=kept)

    return get_submit_command


def no_controller() -> str:
    """Why slurmctld does not answer; empty if it does."""
    try:
        asked = subprocess.run(
            ["scontrol", "ping"], text=True, capture_output=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return f"scontrol ping took more than {LIMIT_S:.0f} s"
    return "" if asked.returncode == 0 else asked.stdout + asked.stderr


def made_since(files: Iterable[str], moment: float) -> bool:
    """Whether all files are there and were written after a moment (seconds since 1970)."""
    try:
        return all(Path(file).stat().st_mtime >= moment for file in files)
    except OSError:
        return False


def where_accounted(original: Callable[..., None]) -> Callable[..., None]:
    """Report what jobs used where something was kept of it."""

    def create_efficiency_report(**given: Any) -> None:
        kept = subprocess.run(["sacct", "--noheader"], capture_output=True, check=False, timeout=LIMIT_S)
        if kept.returncode == 0:
            original(**given)

    return create_efficiency_report


def end_at_second_word() -> None:
    """SIGTERM lets running jobs end, as Snakemake does by itself; a second one ends at once, as Ctrl-C does."""
    first = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        # not by print, which may just be at work
        os.write(
            2,
            b"SIGTERM: nothing new is begun, and this run ends when the jobs that run have ended. "
            b"A second SIGTERM, or Ctrl-C, cancels them and ends at once.\n",
        )
        if callable(first):
            first(number, frame)

    signal.signal(signal.SIGTERM, handle)
