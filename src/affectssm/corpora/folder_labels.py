"""Labels of own recordings on a clock: marks as values (T, C), with which of them count.

Regular times keep their own rate. Of others, and of intervals, row i lies at (i + 0.5) / hz seconds and has the last
value at or before it, unless that has ended: nothing is carried over a gap.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from affectssm.corpora.folder_marks import read_marks
from affectssm.corpora.folder_tiers import Marks
from affectssm.media.text import number, quoted
from affectssm.settings.folder import LabelSettings
from affectssm.store.faults import Action

HZ = 25.0
DAY_S = 86400.0
LARGEST = 1e30  # what float32 can hold, and be squared in float64
REGULAR = 0.2  # share of a step that times may be off a regular clock: they may be written with few digits
BEGINS = 0.25  # share of a step that a time may be off where a label begins, to count as that and not as the middle
LABEL_ACTIONS: dict[str, Action] = {
    "label_not_a_number": "masked",
    "label_out_of_range": "masked",
    "label_word_unknown": "masked",
    "label_overlap": "decided",
    "label_empty": "quarantined",
    "latin1_text": "decided",
    "gb18030_text": "decided",
    "wide_text": "decided",
}
"""What is done about each of a file's problems."""
_NAN = re.compile(r"[+-]?(nan|n/?a|null|none|missing|1\.#\w+)|-", re.IGNORECASE)


@dataclass(frozen=True)
class Series:
    """Labels over time.

    Attributes:
        value: (T, C) float32, 0 where not valid.
        time: (T,) seconds from the start of the recording.
        valid: (T,) bool: whether all C are there.
        rate: Hz.
        problems: (fault code, what was found).
    """

    value: np.ndarray
    time: np.ndarray
    valid: np.ndarray
    rate: float
    problems: list[tuple[str, str]]

    @property
    def end(self) -> float:
        """When the last row ends, in seconds."""
        return float(self.time[-1] + 1 / self.rate) if len(self.time) else 0.0


def read_series(path: Path, settings: LabelSettings, rate: float = 0.0) -> Series:
    """Read labels over time.

    Args:
        path: the file.
        settings: how it is written down.
        rate: rows a second of a file with a value a frame; 0: as the settings say.

    Raises:
        DataError: if it cannot be read.
    """
    marks = read_marks(path, settings)
    value, valid, problems = judged(marks, settings)
    placed = placement(marks, settings, rate)
    index, there = placed.index, placed.index >= 0
    valid = np.append(valid, False)[index] & there
    value = np.where(valid[:, None], np.append(value, np.zeros((1, value.shape[1])), 0)[index], 0)
    found = [*marks.problems, *placed.problems, *problems]
    if not valid.any():
        first = next(iter(marks.quotes), "")
        found.append(
            ("label_empty", f"no valid value in {len(marks.values)} lines, the first is {quoted(first)}")
        )
    return Series(value.astype(np.float32), placed.time, valid, placed.rate, found)


@dataclass(frozen=True)
class Placed:
    """Where marks lie on a clock: of row i, which mark (``index`` (T,), -1 for none), ``time`` (T,) and the rate."""

    index: np.ndarray
    time: np.ndarray
    rate: float
    problems: list[tuple[str, str]]


def placement(marks: Marks, settings: LabelSettings, rate: float = 0.0) -> Placed:
    """Return where marks lie, without a look at their values."""
    hz = marks.rate or settings.hz or rate or HZ
    if not marks.starts and not marks.stops:
        index = np.arange(len(marks.values))
        if marks.frames:
            index = np.full(marks.frames[-1] + 1, -1)
            index[marks.frames] = np.arange(len(marks.frames))
        return Placed(index, (np.arange(len(index)) + 0.5) / hz, hz, [])
    hz = settings.hz or HZ
    kept, problems = _usable(marks)
    starts = np.array([marks.starts[at] for at in kept], float)
    if marks.stops:
        stops = np.array([marks.stops[at] for at in kept], float)
        return _sampled(np.array(kept, int), starts, stops, hz, problems)
    step = float(np.median(np.diff(starts))) if len(starts) > 1 else 0.0
    regular = _regular(starts, step) if step and settings.hz is None else None
    if regular is not None:
        slots, step = regular
        index = np.full(slots[-1] + 1, -1)
        index[slots] = kept
        return Placed(index, _middle(starts[0], step) + np.arange(len(index)) * step, 1 / step, problems)
    hold = settings.hold_s or 3 * (step or 1 / hz)
    stops = np.minimum(np.append(starts[1:], np.inf), starts + hold)
    return _sampled(np.array(kept, int), starts, stops, hz, problems)


def _middle(start: float, step: float) -> float:
    """Return the middle of the first label's span where its time is, to a quarter of a step, when a span begins."""
    return start + step / 2 if abs(start / step - round(start / step)) <= BEGINS else start


def _regular(starts: np.ndarray, usual: float) -> tuple[np.ndarray, float] | None:
    """Return the slots of times on a regular clock and its step, or None where they are on none.

    The step is the mean of those between times without a hole; holes make up fewer than half of the slots.
    """
    steps = np.diff(starts)
    slots = np.append(0, np.cumsum(np.round(steps / steps[steps < 1.5 * usual].mean()))).astype(int)
    if (np.diff(slots) < 1).any() or slots[-1] >= 2 * len(slots):
        return None
    step = float((starts[-1] - starts[0]) / slots[-1])
    off = np.abs(starts - starts[0] - slots * step).max()
    return (slots, step) if off <= REGULAR * step else None


def _usable(marks: Marks) -> tuple[list[int], list[tuple[str, str]]]:
    """Return the marks with a time that can be used, in the order of time, and what is wrong with the others."""
    kept: list[int] = []
    without: list[int] = []
    last = -1.0
    for at, start in enumerate(marks.starts):
        stop = marks.stops[at] if marks.stops else None
        usable = start is not None and 0 <= start < DAY_S
        usable = usable and (
            not marks.stops or (stop is not None and start is not None and start < stop < DAY_S)
        )
        if usable and not marks.stops and start is not None:
            usable, last = start > last, max(start, last)
        (kept if usable else without).append(at)
    problems = (
        [("label_not_a_number", "without a time that rises: " + _count(without, marks))] if without else []
    )
    if marks.stops:
        kept.sort(key=lambda at: marks.starts[at] or 0.0)
        over = [
            at for before, at in pairwise(kept)
            if (marks.starts[at] or 0.0) < (marks.stops[before] or 0.0) - 1e-6
        ]  # fmt: skip
        if over:
            problems.append(("label_overlap", _count(over, marks)))
    return kept, problems


def _sampled(
    kept: np.ndarray, starts: np.ndarray, stops: np.ndarray, hz: float, problems: list[tuple[str, str]]
) -> Placed:
    """Place marks on a clock of their own: at each time the last one that has begun, if it has not ended."""
    rows = int(np.floor(stops.max(initial=0.0) * hz + 0.5))
    time = (np.arange(rows) + 0.5) / hz
    last = np.searchsorted(starts, time, side="right") - 1
    index = np.full(rows, -1)
    if len(kept):
        begun = last >= 0
        running = begun & (time < stops[np.maximum(last, 0)])
        index[running] = kept[last[running]]
    return Placed(index, time, hz, problems)


def judged(marks: Marks, settings: LabelSettings) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Return the numbers (N, C) of marks, which of them count (N,), and what is wrong with the others."""
    value = np.zeros((len(marks.values), len(settings.columns)))
    masked: dict[str, list[int]] = defaultdict(list)
    words = {word.strip().lower(): known for word, known in settings.values.items()}
    for at, texts in enumerate(marks.values):
        for column, text in enumerate(texts):
            found, reason = judge(text, words, settings.range)
            value[at, column] = found
            if reason and (not masked[reason] or masked[reason][-1] != at):
                masked[reason].append(at)
    bad = {at for lines in masked.values() for at in lines}
    valid = np.array([at not in bad for at in range(len(value))], bool)
    return value, valid, _problems(masked, marks, settings)


def judge(text: str, words: dict[str, float], limits: tuple[float, float] | None) -> tuple[float, str]:
    """Return the number of a text and "", or 0 and why it is none."""
    text = text.strip()
    if not text:
        return 0.0, "blank"
    known = words.get(text.lower())
    found = number(text) if known is None else known
    # where words stand for numbers a number is one, too, unless numbers are among the words
    if (
        known is None
        and words
        and not _NAN.fullmatch(text)
        and (found is None or any(map(_is_number, words)))
    ):
        return 0.0, "unknown word"
    if found is None:
        return 0.0, "nan" if _NAN.fullmatch(text) else "not a number"
    if abs(found) > LARGEST:
        return 0.0, "not a number"
    if limits is not None and not limits[0] <= found <= limits[1]:
        return 0.0, "outside the range"
    return found, ""


def _is_number(word: str) -> bool:
    return number(word) is not None


_CODES = {
    "label_not_a_number": ("blank", "nan", "not a number"),
    "label_out_of_range": ("outside the range",),
    "label_word_unknown": ("unknown word",),
}


def _problems(masked: dict[str, list[int]], marks: Marks, settings: LabelSettings) -> list[tuple[str, str]]:
    found = []
    for code, reasons in _CODES.items():
        texts = [f"{reason}: {_count(masked[reason], marks)}" for reason in reasons if masked[reason]]
        if texts:
            found.append((code, "; ".join(texts)))
    return found


def _count(places: list[int], marks: Marks) -> str:
    quote = f": {quoted(marks.quotes[places[0]])}" if marks.quotes else ""
    return f"{len(places)} of {len(marks.values)} lines, first the {places[0] + 1}.{quote}"


def expected_of(settings: LabelSettings) -> str:
    """Return what a value should be, in words."""
    if settings.values:
        return f"a number, or one of {', '.join(settings.values)}"
    numbers = f"numbers in [{settings.range[0]:g}, {settings.range[1]:g}]" if settings.range else "numbers"
    return f"{numbers}; of words labels.values says which they are"
