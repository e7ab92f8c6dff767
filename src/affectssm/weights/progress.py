"""How far a file is that is fetched."""

from __future__ import annotations

import sys
import time

from affectssm.weights.words import readable


class Progress:
    """A line that is written over in a terminal, else a line every ten seconds; on stderr.

    Args:
        name: of the file.
        size: bytes, if known.
    """

    EVERY_S = 10.0
    IN_A_TERMINAL_S = 0.2

    def __init__(self, name: str, size: int | None) -> None:
        self._name, self._size = name, size
        self._terminal = sys.stderr.isatty()
        self._began = self._last = time.monotonic()
        self._before: int | None = None
        self._there = 0

    def arrived(self, there: int) -> None:
        """Say how many bytes are there."""
        self._there = there
        if self._before is None:
            self._before = there
        now = time.monotonic()
        if now - self._last >= (self.IN_A_TERMINAL_S if self._terminal else self.EVERY_S):
            self._last = now
            self._say(now)

    def done(self) -> None:
        """Say that all are there."""
        self._say(time.monotonic())
        if self._terminal:
            print(file=sys.stderr)

    def _say(self, now: float) -> None:
        before = self._before or 0
        rate = (self._there - before) / max(now - self._began, 1e-3)
        of = f" of {readable(self._size)} ({100 * self._there // self._size} %)" if self._size else ""
        again = f", {readable(before)} of it from before" if before else ""
        text = f"  {self._name}: {readable(self._there)}{of}{again}, {readable(rate)}/s"
        if self._terminal:
            print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)
