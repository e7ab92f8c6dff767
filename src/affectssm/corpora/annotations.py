"""Annotation files of the MultiMediate corpora: frame-wise engagement, and `start;end;text;confidence`."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.errors import DataError
from affectssm.store.files import read_whole

MAX_BYTES = 64 << 20  # a day of labels at 25 Hz takes half of it

_NAN = re.compile(r"[+-]?(nan(\(\w*\))?|1\.#(ind|qnan|snan)\w*)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


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
    """Read an engagement annotation: one number a line (or the first of several `;` fields), no header.

    Lines keep their index: what cannot be used is masked, never dropped, or all later frames would shift.

    Raises:
        DataError: the file cannot be opened.
    """
    lines, problems = read_lines(path)
    value = np.zeros(len(lines), np.float32)
    valid = np.zeros(len(lines), bool)
    masked: dict[str, list[int]] = defaultdict(list)  # reason -> line numbers from 1
    for index, line in enumerate(lines):
        token = line.partition(";")[0].strip()
        reason = _refusal(token)
        if reason:
            masked[reason].append(index + 1)
        else:
            value[index], valid[index] = float(token), True
    for code, reasons in _MASK_CODES.items():
        found = [f"{reason}: {_count(masked[reason], len(lines))}" for reason in reasons if reason in masked]
        if found:
            problems.append((code, "; ".join(found)))
    if not valid.any():
        problems.append(("label_empty", f"no valid value in {len(lines)} lines"))
    return Engagement(value, valid, problems)


def read_segments(path: Path) -> tuple[list[Segment], list[tuple[str, str]]]:
    """Read a `start;end;text;confidence` annotation (transcript, language, age, gender).

    Returns:
        The segments, and (fault code, what was found); lines of another form are left out and reported.

    Raises:
        DataError: the file cannot be opened.
    """
    lines, problems = read_lines(path)
    segments, refused = [], []
    for number, line in enumerate(lines, 1):
        fields = line.split(";", 2)
        numbers = [field.strip() for field in fields[:2]]
        if len(fields) == 3 and all(_NUMBER.fullmatch(field) for field in numbers):
            text, confidence = _text_and_confidence(fields[2])
            segments.append(Segment(float(numbers[0]), float(numbers[1]), text, confidence))
        elif line.strip():
            refused.append(number)
    if refused:
        problems.append(("segment_unparsable", _count(refused, len(lines))))
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
    """Lines of an annotation, without looking at a value: test labels are opened by the evaluation alone."""
    return len(_read(path).splitlines())


def read_lines(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Lines of a text file in UTF-8 or, failing that, latin-1 (reported).

    Raises:
        DataError: the file cannot be opened.
    """
    raw = _read(path)
    try:
        raw.decode("utf-8")
        encoding, problems = "utf-8", []
    except UnicodeDecodeError as error:
        encoding = "latin-1"
        problems = [("latin1_text", f"byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8")]
    # split as bytes: str.splitlines would also break at characters such as latin-1's 0x85
    return [line.decode(encoding) for line in raw.removeprefix(b"\xef\xbb\xbf").splitlines()], problems


_MASK_CODES = {
    "label_not_a_number": ("blank", "nan", "not a number"),
    "label_out_of_range": ("outside [0, 1]",),
}


def _refusal(token: str) -> str:
    """Why a token is no engagement, or "" where it is."""
    if not token:
        return "blank"
    if _NAN.fullmatch(token):
        return "nan"
    if not _NUMBER.fullmatch(token):
        return "not a number"
    return "" if 0.0 <= float(token) <= 1.0 else "outside [0, 1]"


def _count(numbers: list[int], total: int) -> str:
    return f"{len(numbers)} of {total} lines, first at line {numbers[0]}"


def _text_and_confidence(rest: str) -> tuple[str, float]:
    """Split `text;confidence`; the text itself may hold `;`, the confidence may be absent (1)."""
    text, separator, confidence = rest.rpartition(";")
    if separator and _NUMBER.fullmatch(confidence.strip()):
        return text.strip(), float(confidence)
    return rest.strip(), 1.0


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, MAX_BYTES)
    except OSError as error:
        raise DataError(
            path, error.strerror or str(error), "a readable annotation file", "mend the file or its rights"
        ) from error
