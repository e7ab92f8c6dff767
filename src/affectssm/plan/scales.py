"""At which scale jobs were run in a results folder: what they took says nothing of another scale's."""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from pathlib import Path

from affectssm.store.atomic import write_text

_FILE = "benchmarks/scales.jsonl"


class Scales:
    """When the runs of a results folder began that had another scale than the one before, with their scales.

    Args:
        results: the folder; where nothing was kept, or it is broken, nothing is known.
    """

    def __init__(self, results: Path) -> None:
        self._path = results / _FILE
        self._known: list[tuple[float, str]] = []
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            self._known = sorted((float(time_s), str(scale)) for time_s, scale in map(json.loads, lines))
        except (OSError, ValueError, TypeError):
            return

    def at(self, when: float) -> str | None:
        """Return the scale of jobs that ended at a time, in seconds of the epoch; None where it is not known."""
        before = bisect_right(self._known, (when, "\uffff"))
        return self._known[before - 1][1] if before else None

    def keep(self, scale: str) -> None:
        """Keep that a run begins, of a scale."""
        if not self._known or self._known[-1][1] != scale:
            self._known.append((time.time(), scale))
            write_text(self._path, "".join(f"{json.dumps(one)}\n" for one in self._known))
