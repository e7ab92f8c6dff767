"""Files of labels over time, as marks: when each value holds, and its text. What a number is, others decide.

CSV with a line of names or without: ``time;value``, ``start;stop;value``, or a value a frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affectssm.corpora.folder_table import read_csv
from affectssm.errors import DataError
from affectssm.media.text import number, quoted
from affectssm.settings.folder import LabelSettings

_TIMES = ("time", "times", "t", "timestamp", "second", "seconds", "sec", "s", "msec", "ms", "milliseconds")
_STARTS = ("start", "begin", "onset", "from", "start_time", "begin_time", "beginning")
_STOPS = ("stop", "end", "offset", "to", "stop_time", "end_time", "ending")
_FRAMES = ("frame", "frames", "frame_number", "frame_index", "index")
_UNIT = re.compile(r"^(?P<name>.*?)[ _]*[\[(]?(?P<unit>ms|msec|milliseconds|s|sec|secs|seconds)[\])]?$")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_MS = ("ms", "msec", "milliseconds")


@dataclass(frozen=True)
class Marks:
    """What a file of labels says, in its order.

    Attributes:
        values: a list of texts a mark, one of each label.
        starts: seconds from the start of the recording, None where a text is none; empty where mark i is frame i.
        stops: seconds, where marks are intervals; empty where each holds until the next.
        problems: (fault code, what was found).
        quotes: the marks as they are, to be quoted.
    """

    values: list[list[str]]
    starts: list[float | None] = field(default_factory=list)
    stops: list[float | None] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    quotes: list[str] = field(default_factory=list)


def read_marks(path: Path, settings: LabelSettings) -> Marks:
    """Read a file of labels in whatever form it has.

    Raises:
        DataError: if it cannot be read, or does not have what the settings name.
    """
    return _FORMS.get(path.suffix.lower(), read_text_marks)(path, settings)


def read_text_marks(path: Path, settings: LabelSettings) -> Marks:
    """Read CSV."""
    names = [*_TIMES, *_STARTS, *_STOPS, *_FRAMES, *map(str.lower, settings.names)]
    head, rows, problems = read_csv(path, names)
    headless = all(_moment(text, 1.0) is not None for text in head if text.strip())
    if headless:
        rows = [(0, head), *rows]
        columns = _by_place(path, rows, settings)
    else:
        columns = _by_name(path, [name.strip().lower() for name in head], settings)
    width = max(place for place in (*columns.values, columns.start or 0, columns.stop or 0))
    rows = [(number, [*row, *[""] * (width + 1 - len(row))]) for number, row in rows]
    scale = columns.scale
    return Marks(
        [[row[place].strip() for place in columns.values] for _, row in rows],
        [_moment(row[columns.start], scale) for _, row in rows] if columns.start is not None else [],
        [_moment(row[columns.stop], scale) for _, row in rows] if columns.stop is not None else [],
        problems,
        [";".join(row) for _, row in rows],
    )


@dataclass(frozen=True)
class _Columns:
    values: list[int]
    start: int | None = None
    stop: int | None = None
    scale: float = 1.0


def _by_name(path: Path, head: Sequence[str], settings: LabelSettings) -> _Columns:
    """Return where a file with a line of names has times and values."""
    time = settings.time.lower()
    if time and time not in head:
        raise DataError(
            path, f"no column {time!r}; there are {', '.join(head)}",
            "the column that corpora.folder.labels.time names",
            "mend the settings or the file",
        )  # fmt: skip
    bare = [_UNIT.fullmatch(name) for name in head]
    roots = [
        match["name"] or match["unit"] if match else name for name, match in zip(head, bare, strict=True)
    ]

    def place(*known: str) -> int | None:
        return next((at for at, name in enumerate(head) if name in known or roots[at] in known), None)

    start = head.index(time) if time else place(*_TIMES)
    start = place(*_STARTS) if start is None else start
    stop = place(*_STOPS) if start is not None else None
    frames = place(*_FRAMES)
    taken = {start, stop, frames}
    rest = [at for at, name in enumerate(head) if at not in taken and name]
    values = _values(path, head, rest, settings)
    unit = settings.unit
    if unit == "auto" and start is not None:
        match = bare[start]
        unit = "ms" if match and match["unit"] in _MS else "s"
    return _Columns(values, start, stop, 0.001 if unit == "ms" else 1.0)


def _values(path: Path, head: Sequence[str], rest: Sequence[int], settings: LabelSettings) -> list[int]:
    if not settings.names and len(rest) == 1:
        return [rest[0]]
    wanted = [name.lower() for name in settings.names]
    missing = [name for name in wanted if name not in head]
    if wanted and not missing:
        return [head.index(name) for name in wanted]
    if len(wanted) == len(rest) == 1 and head[rest[0]] in ("value", "label", "score", "rating", "annotation"):
        return [rest[0]]
    there = ", ".join(head[at] for at in rest) or "none but times"
    raise DataError(
        path,
        f"no column {missing[0]!r}; there are {there}" if missing else f"several columns of values: {there}",
        "the columns that corpora.folder.labels.names has",
        "name them there, e.g. labels: {names: [engagement]}",
    )


def _by_place(path: Path, rows: Sequence[tuple[int, list[str]]], settings: LabelSettings) -> _Columns:
    """Return where a file without a line of names has times and values: the last columns are values."""
    width, wanted = len(rows[0][1]), len(settings.columns)
    scale = 0.001 if settings.unit == "ms" else 1.0
    if width == wanted:
        return _Columns(list(range(width)))
    if width == wanted + 1:
        return _Columns(list(range(1, width)), 0, scale=scale)
    if width == wanted + 2:
        return _Columns(list(range(2, width)), 0, 1, scale)
    raise DataError(
        path,
        f"{width} columns without names, the first line is {quoted(';'.join(rows[0][1]))}",
        f"a time and {wanted} values, or a first line of names",
        "give the file a first line, e.g. time,engagement",
    )


def _moment(text: str, scale: float) -> float | None:
    """Return a time in seconds, or None where the text is none."""
    text = text.strip()
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return 3600.0 * int(hours or 0) + 60.0 * int(minutes) + float(seconds.replace(",", "."))
    value = number(text)
    return None if value is None else value * scale


_FORMS: dict[str, Callable[[Path, LabelSettings], Marks]] = {}
