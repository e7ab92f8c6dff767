"""How far a discovery is: a line every few seconds, with what is done, of how much, and how long the rest will take."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

EVERY_S = 5.0
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Progress:
    """Says how far some work is.

    Args:
        corpus: whose.
        what: is counted, in words ("sessions looked at").
        total: how many there are.
    """

    def __init__(self, corpus: str, what: str, total: int) -> None:
        self.corpus, self.what, self.total = corpus, what, total
        self._began = time.monotonic()
        self._last = self._began

    def said(self, done: int, share: float | None = None) -> None:
        """Say that so many are done, unless that was said just now.

        Args:
            done: how many.
            share: of the whole work, where they differ in size.
        """
        now = time.monotonic()
        if not self.total:
            return
        if done < self.total and now - self._last < EVERY_S:
            return
        self._last = now
        took = now - self._began
        if done >= self.total:
            rest = f"in {in_words(took)}"
        else:
            share = done / self.total if share is None else share
            rest = f"about {in_words(took / share - took)} left" if share else "just begun"
        _LOG.info("%s: %s of %s %s, %s", self.corpus, f"{done:,}", f"{self.total:,}", self.what, rest)

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items, and say how many were done whenever the next is asked for."""
        for done, item in enumerate(items):
            if done:
                self.said(done)
            yield item
        self.said(self.total)


def in_words(seconds: float) -> str:
    """Return a time as somebody says it who waits: 8.2 s, 4 min, 2.1 h."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
