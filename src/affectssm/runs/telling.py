"""A controller tells how far its run is: beside its note for ``affectssm status``, and in a line of its terminal.

Nothing of this may harm a run: it happens in a thread of its own, and what goes wrong in it is said once.
"""

from __future__ import annotations

import atexit
import csv
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from affectssm.runs import progress
from affectssm.runs.jobs_seen import Looker
from affectssm.runs.progress import Progress
from affectssm.runs.time_left import Expecting, TimeLeft, nothing_expected

LOOK_S = 10.0
ANEW_S = 60.0  # a new time left is written, though no job has ended
TERMINAL_S, FILE_S = 30.0, 300.0  # between two lines: somebody looks on, or reads them later
END_S = 2.0  # that the end of a run may wait for this


class Telling:
    """Tells how far a run is, until the process ends.

    Args:
        results: the folder that everything is computed into.
        note: the controller's.
        looker: at its jobs.
        expecting: tells what is expected of a job.
        terminal: where lines go.
    """

    def __init__(
        self,
        results: Path,
        note: Path,
        looker: Looker,
        expecting: Expecting = nothing_expected,
        terminal: TextIO | None = None,
    ) -> None:
        self._note, self._looker = note, looker
        self._time = TimeLeft(expecting, lambda place: _benchmarked(results / "benchmarks" / f"{place}.tsv"))
        self._terminal = sys.stderr if terminal is None else terminal
        self._written: Progress | None = None
        self._said: Progress | None = None
        self._said_at = time.monotonic()
        self._fault = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()
        atexit.register(self.end)

    def end(self) -> None:
        """Tell a last time how far the run came, and no more."""
        self._ended.set()
        self._thread.join(END_S)
        if not self._thread.is_alive() and self._note.parent.exists():
            self.tell(last=True)

    def _run(self) -> None:
        self.tell()
        while not self._ended.wait(LOOK_S):
            self.tell()

    def tell(self, last: bool = False) -> None:
        """Look at the run, and tell of it what is new."""
        try:
            self._tell(last)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            self._fail(error)

    def _tell(self, last: bool) -> None:
        seen = self._looker.look()
        if seen is None:
            return
        self._time.watch(seen.jobs, time.monotonic())
        counts: dict[str, progress.Count] = {}
        for job in seen.jobs:
            own = progress.Count(1, job.fate == "finished", job.fate == "running", job.fate == "failed")
            counts[job.stage] = counts.get(job.stage, progress.Count()) + own
        now = Progress(time.time(), dict(sorted(counts.items())), more=seen.more, fault=self._fault)
        before = self._written
        is_new = last or before is None or not now.same(before) or now.at - before.at >= ANEW_S
        is_said = not last and self._is_to_be_said(now)
        if is_new or is_said:
            left_s, sure = self._time.left(seen, time.monotonic())
            now = replace(now, left_s=left_s, sure=sure)
        if is_new:
            self._written = now
            progress.write(self._note, now)
        if is_said:
            self._said, self._said_at = now, time.monotonic()
            print(f"affectssm: {now.line}", file=self._terminal, flush=True)

    def _is_to_be_said(self, now: Progress) -> bool:
        if self._looker.silent or now.same(self._said):
            return False
        looked_at = self._terminal.isatty()
        if time.monotonic() - self._said_at >= (TERMINAL_S if looked_at else FILE_S):
            return True
        return looked_at and self._said is not None and bool(_ended(now) - _ended(self._said))

    def _fail(self, error: Exception) -> None:
        if self._fault:
            return
        self._fault = f"{type(error).__name__}: {error}"[:300]
        words = f"affectssm: how far the run is cannot be told ({self._fault}); the run itself goes on"
        try:
            print(words, file=self._terminal, flush=True)
            progress.write(self._note, Progress(time.time(), fault=self._fault))
        except Exception:  # noqa: BLE001 - a terminal or a disk that is gone
            return


def _ended(now: Progress) -> set[str]:
    return {stage for stage, count in now.stages.items() if not count.left}


def _benchmarked(path: Path) -> float | None:
    """The seconds that a job took, as Snakemake measured it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return float(list(csv.DictReader(file, delimiter="\t"))[-1]["s"])
    except (OSError, ValueError, LookupError, TypeError, csv.Error):
        return None
