"""Annotation files of valence and arousal: a header of the columns' names, then a line for each frame of the video.

Line i after the header is frame i; it is never dropped, or all later frames would shift. The owner of Aff-Wild2 writes
-5 in either column of a frame that does not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.errors import DataError
from affectssm.media.text import number, quoted, read_text
from affectssm.store.faults import Action

COLUMNS = ("valence", "arousal")
INVALID = -5.0
MAX_BYTES = 64 << 20
ACTIONS: dict[str, Action] = {
    "label_not_a_number": "masked",
    "label_out_of_range": "masked",
    "label_invalid": "masked",
    "label_empty": "quarantined",
    "label_header": "decided",
    "latin1_text": "decided",
    "wide_text": "decided",
}
"""What is done about each of an annotation's problems."""
_ROUNDING = 1e-6  # beyond the range by which a value is taken for its end
_ACTION_UNIT = re.compile(r"au\s*\d+", re.IGNORECASE)
_EXPRESSIONS = {"neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise", "other"}


class OtherChallengeError(DataError):
    """An annotation file that does not say valence and arousal."""

    code = "label_other_challenge"


@dataclass(frozen=True)
class ValenceArousal:
    """Valence and arousal of one person's frames.

    Attributes:
        value: (T, 2) float32 in [-1, 1], in the order of :data:`COLUMNS`; 0 where invalid.
        valid: (T,) bool.
        problems: (fault code, what was found) for everything that was masked or decided.
    """

    value: np.ndarray
    valid: np.ndarray
    problems: list[tuple[str, str]]


def read_valence_arousal(path: Path) -> ValenceArousal:
    """Read an annotation file; columns go by their names, blank lines at the end count for nothing.

    Raises:
        OtherChallengeError: it is one of expressions or action units, or has no two columns that can be these.
        DataError: it cannot be opened.
    """
    text = read_text(path, limit=MAX_BYTES)
    lines = text.lines
    while lines and not lines[-1].strip():
        lines.pop()
    problems = list(text.problems)
    places = (0, 1)
    if lines:
        places, note, headed = _places(path, lines[0])
        problems += [("label_header", note)] if note else []
        lines = lines[1:] if headed else lines
    raw = _numbers(lines, places)
    value, valid, found = _judged(raw, lines)
    return ValenceArousal(value, valid, problems + found)


def _places(path: Path, line: str) -> tuple[tuple[int, int], str, bool]:
    """Return where the columns are, what is odd about the first line, and whether it is a header."""
    fields = [field.strip().lower() for field in line.split(",")]
    if all(name in fields for name in COLUMNS):
        odd = "" if fields == list(COLUMNS) else f"the header {quoted(line.strip())}"
        return (fields.index(COLUMNS[0]), fields.index(COLUMNS[1])), odd, True
    if len(fields) == 2 and all(number(field) is not None for field in fields):
        return (0, 1), f"no header, the first line is {quoted(line.strip())}", False
    if any(map(_ACTION_UNIT.fullmatch, fields)):
        found = "an annotation of action units"
    elif _EXPRESSIONS & set(fields) or (len(fields) == 1 and number(fields[0]) is not None):
        found = "an annotation of expressions"
    else:
        found = "no header of valence and arousal"
    raise OtherChallengeError(
        path,
        f"{found}, the first line is {quoted(line.strip())}",
        f"the header {','.join(COLUMNS)} and two numbers a line",
        "put the annotation of valence and arousal there",
    )


def _numbers(lines: Sequence[str], places: tuple[int, int]) -> np.ndarray:
    """Return (T, 2) float64 of the two columns; NaN where there is no number."""
    if not lines:
        return np.zeros((0, 2))
    if all(lines):  # a blank line would be left out
        try:
            found = np.loadtxt(lines, delimiter=",", usecols=places, ndmin=2, comments=None)
            if len(found) == len(lines):
                return found
        except ValueError:
            pass
    rows = [line.split(",") for line in lines]
    taken = [[number(row[at]) if at < len(row) else None for at in places] for row in rows]
    return np.array([[np.nan if one is None else one for one in pair] for pair in taken])


def _judged(raw: np.ndarray, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Return values, validity, and what was masked and why."""
    numeric = np.isfinite(raw).all(axis=1)
    marked = numeric & (raw == INVALID).any(axis=1)
    with np.errstate(invalid="ignore"):
        beyond = numeric & ~marked & (np.abs(raw) > 1 + _ROUNDING).any(axis=1)
    valid = numeric & ~marked & ~beyond
    problems = []
    for code, rows in (("label_not_a_number", ~numeric), ("label_out_of_range", beyond)):
        if rows.any():
            first = int(rows.argmax())
            quote = f": {quoted(lines[first])}" if lines[first].strip() else ""
            found = f"{int(rows.sum())} of {len(lines)} frames, first in frame {first + 1}{quote}"
            problems.append((code, found))
    if marked.any():
        problems.append(("label_invalid", _runs(marked)))
    if not valid.any():
        problems.append(("label_empty", f"no valid frame in {len(lines)}"))
    value = np.where(valid[:, None], np.clip(raw, -1, 1), 0).astype(np.float32)
    return value, valid, problems


def _runs(marked: np.ndarray) -> str:
    """Say how many frames are marked as invalid, in how many runs, and how many of those have valid frames around."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    inside = int(((starts > 0) & (stops < len(marked))).sum())
    longest = int((stops - starts).max())
    return (
        f"{int(marked.sum())} of {len(marked)} frames are {INVALID:g}, in {len(starts)} runs ({inside} inside), the "
        f"longest of {longest}"
    )
