"""The log of a shard of recordings: a line for each of some; of many, a line with a bar every few seconds."""

from __future__ import annotations

import logging
import time

SOME = 100  # recordings
EVERY_S = 5.0
BAR = 20  # characters
_LOG = logging.getLogger(__name__)


class Progress:
    """Says how far a feature of a shard is.

    Args:
        feature: its name.
        total: recordings of the shard.
    """

    def __init__(self, feature: str, total: int) -> None:
        self.feature, self.total = feature, total
        self._began = time.monotonic()
        self._last, self._computed = -EVERY_S, 0

    def computed(self, number: int, recording: str, tracks: int, rows: int, seconds: float) -> None:
        """Say what a recording gave, the ``number``-th of all, and how long the rest will take."""
        self._computed += 1
        left = (time.monotonic() - self._began) / self._computed * (self.total - number)
        self._say(
            number, recording, f": {tracks} tracks, {rows} rows in {seconds:.1f} s; about {left:.0f} s left"
        )

    def finished(self, number: int, recording: str, where: str) -> None:
        """Say that a recording was finished before, or somewhere else."""
        self._say(number, recording, f" was finished {where}")

    def _say(self, number: int, recording: str, what: str) -> None:
        now, bar = time.monotonic(), ""
        if self.total > SOME:
            done = BAR * number // self.total
            bar = f"[{'#' * done}{'.' * (BAR - done)}] "
        if self.total <= SOME or number == self.total or now - self._last >= EVERY_S:
            self._last = now
            _LOG.info("%s: %s%s (%d of %d)%s", self.feature, bar, recording, number, self.total, what)
