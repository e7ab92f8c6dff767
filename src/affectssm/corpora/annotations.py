"""Annotation files: engagement over time, and `start;end;text;confidence`.

How a corpus writes its engagement down is a function from a file to :class:`Marks`, which
:mod:`affectssm.vocabulary.corpora` names; what is a value, and at which label frame, is decided here for all.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import LABEL_HZ
from affectssm.media.spacing import gather
from affectssm.media.text import number, quoted, read_text
from affectssm.store.faults import Action

_NAN = re.compile(r"[+-]?(nan(\(\w*\))?|1\.#(ind|qnan|snan)\w*)", re.IGNORECASE)
MAX_BYTES = 64 << 20  # a day of labels at 25 Hz takes half of it
DAY_S = 86400.0
LABEL_ACTIONS: dict[str, Action] = {
    "label_not_a_number": "masked",
    "label_out_of_range": "masked",
    "label_empty": "quarantined",
    "latin1_text": "decided",
    "wide_text": "decided",
}
"""What is done about each of an annotation's problems."""
_FIELD_END = re.compile(r"[;\t]")


@dataclass(frozen=True)
class Engagement:
    """Frame-wise engagement of one participant; row i covers [i/25, (i+1)/25) seconds.

    Attributes:
        value: (T,) float32 in [0, 1]; 0 where invalid.
        valid: (T,) bool.
        problems: (fault code, what was found) for everything that was masked or decided.
    """

    value: np.ndarray
    valid: np.ndarray
    problems: list[tuple[str, str]]


@dataclass(frozen=True)
class Marks:
    """What an annotation says line by line, as text.

    Attributes:
        lines: (N,) as they are, to be quoted.
        values: (N,) the value of each.
        times: (N,) its moment in seconds from the start of the recording; None where line i is label frame i.
        problems: (fault code, what was found) of the text.
    """

    lines: list[str]
    values: list[str]
    times: list[str] | None
    problems: list[tuple[str, str]]


Reader = Callable[[Path], Marks]
"""How a corpus writes engagement down."""


@dataclass(frozen=True)
class Segment:
    """One line of a segment annotation; start and end in seconds."""

    start: float
    end: float
    text: str
    confidence: float


def value_a_line(path: Path) -> Marks:
    """Read one number a line (or the first of several fields), no header: line i is label frame i.

    Fields end at `;` or a tab.

    Raises:
        DataError: the file cannot be opened.
    """
    lines, problems = read_lines(path)
    return Marks(lines, [_FIELD_END.split(line, 1)[0] for line in lines], None, problems)


def time_and_value(path: Path) -> Marks:
    """Read `time;value` a line, with further fields or without, at any rate; time in seconds.

    Raises:
        DataError: the file cannot be opened.
    """
    lines, problems = read_lines(path)
    fields = [(*_FIELD_END.split(line, 2), "")[:2] for line in lines]
    return Marks(lines, [value for _, value in fields], [time for time, _ in fields], problems)


def read_engagement(path: Path, read: Reader = value_a_line) -> Engagement:
    """Read an engagement annotation onto the label frames.

    Decimals have a point or, throughout a file, a comma. Lines without times keep their index: what cannot be used is
    masked and quoted, never dropped, or all later frames would shift. Lines with times are interpolated linearly
    between neighbours that are both valid (:func:`affectssm.media.spacing.gather`); a line whose time is none, or is
    not later than those before, is left out and quoted.

    Args:
        path: the file.
        read: how the corpus writes it down.

    Raises:
        DataError: the file cannot be opened.
    """
    marks = read(path)
    value = np.zeros(len(marks.lines), np.float32)
    valid = np.zeros(len(marks.lines), bool)
    masked: dict[str, list[int]] = defaultdict(list)  # reason -> line numbers from 1
    commas = _commas(marks.values)
    for index, token in enumerate(marks.values):
        value[index], reason = _judged(token.strip(), commas)
        valid[index] = not reason
        if reason:
            masked[reason].append(index + 1)
    if marks.times is not None:
        places, times, masked["without a time"] = _moments(marks.times)
        value, valid = _on_frames(times, value[places], valid[places])
    return Engagement(value, valid, marks.problems + _problems(marks.lines, masked, bool(valid.any())))


def count_frames(path: Path, read: Reader = value_a_line) -> int:
    """Label frames of an annotation, without looking at a value: test labels are opened by the evaluation alone.

    Raises:
        DataError: the file cannot be opened.
    """
    marks = read(path)
    return len(marks.lines) if marks.times is None else _length(_moments(marks.times)[1])


def read_segments(path: Path) -> tuple[list[Segment], list[tuple[str, str]]]:
    """Read a `start;end;text;confidence` annotation (transcript, language, age, gender).

    Tabs may stand for `;`, and decimal commas for points.

    Returns:
        The segments, and (fault code, what was found); lines of another form are left out and reported.

    Raises:
        DataError: the file cannot be opened.
    """
    lines, problems = read_lines(path)
    segments, refused = [], []
    for at, line in enumerate(lines, 1):
        mark = ";" if line.count(";") >= 2 else "\t"
        fields = line.split(mark, 2)
        start, end = (number(field) for field in (*fields, "", "")[:2])
        if len(fields) == 3 and start is not None and end is not None:
            text, confidence = _text_and_confidence(fields[2], mark)
            segments.append(Segment(start, end, text, confidence))
        elif line.strip():
            refused.append(at)
    if refused:
        problems.append(("segment_unparsable", _count(refused, lines)))
    return segments, problems


def read_language(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """Language of a session after `language.annotation.csv`: the one spoken longest, "" where none is named.

    Raises:
        DataError: the file cannot be opened.
    """
    segments, problems = read_segments(path)
    spoken: dict[str, float] = defaultdict(float)
    for segment in segments:
        if segment.text:
            spoken[segment.text] += max(segment.end - segment.start, 0.0)
    return max(spoken, key=lambda name: spoken[name], default=""), problems


def read_lines(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Lines of a text file, and (fault code, what was found) where it is not in UTF-8.

    Raises:
        DataError: the file cannot be opened.
    """
    text = read_text(path, limit=MAX_BYTES)
    return text.lines, text.problems


_MASK_CODES = {
    "label_not_a_number": ("without a time", "blank", "nan", "not a number"),
    "label_out_of_range": ("outside [0, 1]",),
}


def _commas(tokens: Sequence[str]) -> bool:
    """Whether a comma can be a decimal one: no number of the file has a point."""
    return not any("." in token for token in tokens)


def _moments(tokens: Sequence[str]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return the places of lines with a time that rises, (M,) the times in seconds, and the numbers of the others."""
    commas = _commas(tokens)
    places: list[int] = []
    times: list[float] = []
    without: list[int] = []
    for place, token in enumerate(tokens):
        time = number(token.strip()) if commas or "," not in token else None
        if time is not None and 0 <= time < DAY_S and (not times or time > times[-1]):
            places.append(place)
            times.append(time)
        else:
            without.append(place + 1)
    return np.array(places, np.int64), np.array(times), without


def _period(times: np.ndarray) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 1 / LABEL_HZ


def _length(times: np.ndarray) -> int:
    """Label frames until a line's time after the last one."""
    return math.floor((times[-1] + _period(times)) * LABEL_HZ + 0.5) if len(times) else 0


def _on_frames(times: np.ndarray, value: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and validity on the label frames."""
    frames = (np.arange(_length(times)) + 0.5) / LABEL_HZ
    index, phase, there = gather(times, valid, frames, _period(times))
    if not len(times):
        return value, valid
    between = (1 - phase) * value[index] + phase * value[np.minimum(index + 1, len(value) - 1)]
    return np.where(there, between, 0).astype(np.float32), there


def _problems(lines: list[str], masked: dict[str, list[int]], usable: bool) -> list[tuple[str, str]]:
    """Return (fault code, what was found) of lines that were masked, and of a label without a value."""
    problems = []
    for code, reasons in _MASK_CODES.items():
        found = [f"{reason}: {_count(masked[reason], lines)}" for reason in reasons if masked[reason]]
        if found:
            problems.append((code, "; ".join(found)))
    if not usable:
        first = next((line for line in lines if line.strip()), "")
        quote = f", the first is {quoted(first)}" if first else ""
        problems.append(("label_empty", f"no valid value in {len(lines)} lines{quote}"))
    return problems


def _judged(token: str, commas: bool) -> tuple[float, str]:
    """Return a token's value and "", or 0 and why it is none; ``commas``: whether its comma can be a decimal one."""
    if not token:
        return 0.0, "blank"
    if _NAN.fullmatch(token):
        return 0.0, "nan"
    value = number(token) if commas or "," not in token else None
    if value is None:
        return 0.0, "not a number"
    return (value, "") if 0.0 <= value <= 1.0 else (0.0, "outside [0, 1]")


def _count(numbers: list[int], lines: list[str]) -> str:
    """Say how many lines there are of a kind, and quote the first."""
    line = lines[numbers[0] - 1]
    quote = f": {quoted(line)}" if line.strip() else ""
    return f"{len(numbers)} of {len(lines)} lines, first at line {numbers[0]}{quote}"


def _text_and_confidence(rest: str, mark: str) -> tuple[str, float]:
    """Split `text;confidence`; the text itself may hold `;`, the confidence may be absent (1)."""
    text, separator, confidence = rest.rpartition(mark)
    value = number(confidence) if separator else None
    return (rest.strip(), 1.0) if value is None else (text.strip(), value)
