"""Annotation files of the MultiMediate corpora: frame-wise engagement, and `start;end;text;confidence`."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.media.text import Text, number, quoted, read_text
from affectssm.store.faults import Action

_NAN = re.compile(r"[+-]?(nan(\(\w*\))?|1\.#(ind|qnan|snan)\w*)", re.IGNORECASE)
MAX_BYTES = 64 << 20  # a day of labels at 25 Hz takes half of it
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
class Segment:
    """One line of a segment annotation; start and end in seconds."""

    start: float
    end: float
    text: str
    confidence: float


def read_engagement(path: Path) -> Engagement:
    """Read an engagement annotation: one number a line (or the first of several fields), no header.

    Fields end at `;` or a tab. Decimals have a point or, throughout a file, a comma. Lines keep their index: what
    cannot be used is masked and quoted, never dropped, or all later frames would shift.

    Raises:
        DataError: the file cannot be opened.
    """
    lines, problems = read_lines(path)
    value = np.zeros(len(lines), np.float32)
    valid = np.zeros(len(lines), bool)
    masked: dict[str, list[int]] = defaultdict(list)  # reason -> line numbers from 1
    tokens = [_FIELD_END.split(line, 1)[0].strip() for line in lines]
    commas = not any("." in token for token in tokens)
    for index, token in enumerate(tokens):
        value[index], reason = _judged(token, commas)
        valid[index] = not reason
        if reason:
            masked[reason].append(index + 1)
    for code, reasons in _MASK_CODES.items():
        found = [f"{reason}: {_count(masked[reason], lines)}" for reason in reasons if reason in masked]
        if found:
            problems.append((code, "; ".join(found)))
    if not valid.any():
        first = next((line for line in lines if line.strip()), "")
        quote = f", the first is {quoted(first)}" if first else ""
        problems.append(("label_empty", f"no valid value in {len(lines)} lines{quote}"))
    return Engagement(value, valid, problems)


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


def count_lines(path: Path) -> int:
    """Lines of an annotation, without looking at a value: test labels are opened by the evaluation alone.

    Raises:
        DataError: the file cannot be opened.
    """
    return len(_read(path).lines)


def read_lines(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Lines of a text file, and (fault code, what was found) where it is not in UTF-8.

    Raises:
        DataError: the file cannot be opened.
    """
    text = _read(path)
    return text.lines, text.problems


_MASK_CODES = {
    "label_not_a_number": ("blank", "nan", "not a number"),
    "label_out_of_range": ("outside [0, 1]",),
}


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


def _read(path: Path) -> Text:
    return read_text(path, limit=MAX_BYTES)
