"""The workflow on a test cluster, through the profile for SLURM as a user runs it."""

from __future__ import annotations

import csv
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.cluster.slurm import Slurm, until
from tests.workflow.workplace import TABLE, TINY, Workplace

MISSING = "results/tables/bimtta_missing.csv"
# Of the profile nothing but how often one looks: jobs of a test last seconds, not hours.
QUICK = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "20"]
# On a finished copy: a few jobs, long enough to be struck.
AGAIN = [TABLE, "--forcerun", "evaluate_dialogue"]


class Run:
    """A Snakemake that sends jobs to a cluster, while it runs and after.

    Whatever it still runs ends with the cluster.
    """

    def __init__(self, place: Workplace, cluster: Slurm, *arguments: str) -> None:
        self.place, self.cluster = place, cluster
        self._said = Path(tempfile.mkstemp(dir=place.folder, prefix="said-")[1])
        self._before = max((job.id for job in cluster.jobs()), default=0)
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [
                    *("snakemake", *arguments, "--workflow-profile", "profiles/slurm", *QUICK),
                    *("--configfile", TINY),
                ],
                cwd=place.folder,
                env=cluster.environment_of(place.environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                # a shell's background jobs ignore it
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    @property
    def said(self) -> str:
        """All that it said so far."""
        return self._said.read_text(errors="replace")

    def submissions(self) -> int:
        """How often a job was submitted."""
        return self.said.count(" has been submitted with SLURM jobid ")

    def running(self, rule: str) -> int:
        """Wait until a job of a rule runs; its SLURM number."""
        found: list[int] = []

        def seen() -> bool:
            jobs = [job for job in self.cluster.jobs() if job.id > self._before]
            found[:] = [job.id for job in jobs if job.state == "RUNNING" and job.of(rule)]
            return bool(found) or self._process.poll() is not None

        until(seen, f"a job of {rule} runs", 240)
        assert found, self.said
        return found[0]

    def ends(self, seconds: float = 600) -> int:
        """Wait for its end; its exit status. TimeoutError with what it said."""
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise TimeoutError(f"Snakemake has not ended in {seconds:.0f} s: {self.said}") from None

    def interrupt(self, how: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(how)


def same_tables(place: Workplace, other: Workplace, *tables: str) -> None:
    """Assert that tables of two workplaces are equal byte for byte, and not empty."""
    for table in tables:
        here, there = ((folder / table).read_bytes() for folder in (place.folder, other.folder))
        assert here == there
        assert list(csv.DictReader(here.decode().splitlines()))
