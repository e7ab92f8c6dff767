"""How far a run is, in numbers: what its controller writes beside its note, and what a terminal says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from affectssm.store.atomic import write_json

ENDING = ".progress"  # beside the note of a controller, whose own name ends in .json
NAMED = 4  # stages of a line
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Count:
    """The jobs of a stage in one run.

    Attributes:
        planned: that the run has to do, finished ones included.
        finished, running, failed: how many did, do, and failed for good; a job that waits on SLURM is running.
    """

    planned: int = 0
    finished: int = 0
    running: int = 0
    failed: int = 0

    @property
    def left(self) -> int:
        """Jobs that are not finished."""
        return self.planned - self.finished

    @property
    def waiting(self) -> int:
        """Jobs that are not begun."""
        return self.left - self.running - self.failed

    def __add__(self, other: Count) -> Count:
        return Count(
            self.planned + other.planned,
            self.finished + other.finished,
            self.running + other.running,
            self.failed + other.failed,
        )


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        at: when this was so, in seconds of the epoch.
        stages: stage -> its jobs.
        left_s: seconds that the rest takes at least; None where nobody knows.
        sure: whether it is known of every job that is left how long it takes.
        more: whether further jobs become known once the corpora are discovered.
        fault: what kept the controller from telling more; "" where nothing did.
    """

    at: float
    stages: Mapping[str, Count] = field(default_factory=dict)
    left_s: float | None = None
    sure: bool = False
    more: bool = False
    fault: str = ""

    @property
    def whole(self) -> Count:
        """All jobs of the run."""
        return sum(self.stages.values(), Count())

    @property
    def line(self) -> str:
        """The run in a line, for a terminal."""
        whole = self.whole
        begun = [
            f"{stage} {count.finished}/{count.planned}"
            for stage, count in self.stages.items()
            if count.left and (count.finished or count.running or count.failed)
        ]
        named = ", ".join([*begun[:NAMED], *(["..."] if begun[NAMED:] else [])])
        parts = [
            f"{whole.finished} of {whole.planned} jobs" + (f" ({named})" if named else ""),
            *([f"{whole.running} running"] if whole.running else []),
            *([f"{whole.failed} failed"] if whole.failed else []),
            *([self.time_left] if whole.left else []),
        ]
        return ", ".join(parts)

    @property
    def time_left(self) -> str:
        """What is known of the time that is left, in words."""
        more = ", more jobs become known after discovery" if self.more else ""
        if self.left_s is None:
            return f"time left not known{more}"
        bound = "about" if self.sure and not self.more else "at least"
        soon = self.left_s < MINUTE and bound == "about"
        return f"{'less than 1 min' if soon else f'{bound} {lasting(self.left_s)}'} left{more}"

    def same(self, other: Progress | None) -> bool:
        """Whether as much is done as in another."""
        return other is not None and (self.stages, self.more) == (other.stages, other.more)


def lasting(seconds: float) -> str:
    """Return a time in words, as ``6 min``, ``2 h 10 min``, ``3 d 4 h``; no less than a minute."""
    if seconds < HOUR - MINUTE / 2:
        return f"{max(1, round(seconds / MINUTE))} min"
    days = seconds >= DAY - MINUTE / 2
    large, small, names = (DAY, HOUR, ("d", "h")) if days else (HOUR, MINUTE, ("h", "min"))
    first, rest = divmod(round(seconds / small), round(large / small))
    return f"{first} {names[0]}" + (f" {rest} {names[1]}" if rest else "")


def beside(note: Path) -> Path:
    """Return the file of a controller's progress, given its note."""
    return note.with_suffix(ENDING)


def write(note: Path, progress: Progress) -> None:
    """Write how far the run of a note is.

    Raises:
        DataError: if it cannot be written.
    """
    write_json(beside(note), asdict(progress))


def read(note: Path) -> Progress | None:
    """Return how far the run of a note was last; None where it did not say so, or in another version's words."""
    with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
        said: dict[str, Any] = json.loads(beside(note).read_text(encoding="utf-8"))
        stages = {stage: Count(**count) for stage, count in dict(said.pop("stages")).items()}
        found = Progress(stages=stages, **said)
        if all(_sound(found)):
            return found
    return None


def _sound(found: Progress) -> Iterator[bool]:
    """Whether all numbers are some."""
    yield isinstance(found.at, int | float)
    yield found.left_s is None or isinstance(found.left_s, int | float)
    for count in found.stages.values():
        yield all(isinstance(number, int) and number >= 0 for number in asdict(count).values())
