"""Files of labels over time, as marks: when each value holds, and its text. What a number is, others decide.

CSV with a line of names or without: ``time;value``, ``start;stop;value``, or a value a frame; and the forms of
annotation programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from affectssm.corpora.folder_anvil import read_anvil
from affectssm.corpora.folder_elan import is_tab_export, read_eaf, tab_export
from affectssm.corpora.folder_nova import read_nova
from affectssm.corpora.folder_table import column_name, read_csv
from affectssm.corpora.folder_tiers import Marks
from affectssm.errors import DataError
from affectssm.media.text import number, quoted
from affectssm.settings.folder import LabelSettings

_TIMES = ("time", "times", "t", "timestamp")
_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "ss.msec", "hh:mm:ss.ms", "hms"), 1.0),
}
_STARTS = (
    "start",
    "begin",
    "onset",
    "from",
    "start_time",
    "begin_time",
    "beginning",
    "time_start",
    "t_start",
)
_STOPS = ("stop", "end", "offset", "to", "stop_time", "end_time", "ending", "time_end", "time_stop", "t_end")
_FRAMES = ("frame", "frames", "frame_number", "frame_index", "index")
_NO_VALUES = ("tier", "participant", "annotator", "duration", "confidence", "conf")
_ANY = ("value", "label", "score", "rating", "annotation")
MOST_FRAMES = 24 * 3600 * 120  # a day of a fast camera
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")


def read_marks(path: Path, settings: LabelSettings) -> Marks:
    """Read a file of labels in whatever form it has.

    Raises:
        DataError: if it cannot be read, or does not have what the settings name.
    """
    return _FORMS.get(path.suffix.lower(), read_text_marks)(path, settings)


def read_text_marks(path: Path, settings: LabelSettings) -> Marks:
    """Read CSV, or what ELAN exports as text.

    Raises:
        DataError: if it cannot be read, or does not have what the settings name.
    """
    names = [*_TIMES, *_UNITS, *_STARTS, *_STOPS, *_FRAMES, *map(column_name, settings.names)]
    head, rows, problems = read_csv(path, names)
    if is_tab_export(head):
        return tab_export(path, [head, *(row for _, row in rows)], settings)
    headless = all(_moment(text, 1.0) is not None for text in head if text.strip())
    lines = [head, *(row for _, row in rows)] if headless else [row for _, row in rows]
    columns = _by_place(path, lines, settings) if headless else _by_name(path, head, settings)
    if columns.tier is not None:
        lines = _of_tier(path, lines, columns.tier, settings)
    width = 1 + max(place or 0 for place in (*columns.values, columns.start, columns.stop, columns.frame))
    lines = [[*row, *[""] * (width - len(row))] for row in lines]
    return Marks(
        [[row[place].strip() for place in columns.values] for row in lines],
        [_moment(row[columns.start], columns.scale) for row in lines] if columns.start is not None else [],
        [_moment(row[columns.stop], columns.stop_scale) for row in lines] if columns.stop is not None else [],
        problems,
        [";".join(row) for row in lines],
        frames=_frames(path, [row[columns.frame].strip() for row in lines])
        if columns.frame is not None
        else [],
    )


def _frames(path: Path, texts: Sequence[str]) -> list[int]:
    """Return which frame each line is, from 0; none where lines follow one another, or their frames are no numbers.

    Raises:
        DataError: for frames that do not rise.
    """
    numbers = [number(text) for text in texts]
    known = [int(one) for one in numbers if one is not None and one == int(one)]
    if len(known) < len(numbers) or not known:
        return []
    first = 1 if known[0] == 1 else 0  # of a file that counts from 1
    if known == list(range(first, first + len(known))):
        return []
    bad = next((at for at, (one, other) in enumerate(pairwise([-1, *known])) if other <= one), None)
    if bad is not None or known[-1] >= MOST_FRAMES:
        at = len(known) - 1 if bad is None else bad
        raise DataError(
            path, f"frame {quoted(texts[at])} in the {at + 1}. line", "numbers of frames that rise, from 0 or 1",
            "mend them, or give times in seconds",
        )  # fmt: skip
    return [one - first for one in known]


@dataclass(frozen=True)
class _Columns:
    """Where times and values stand, how many seconds a number of the times is, and where a tier's name and, of lines
    without times, the number of a frame stand."""

    values: list[int]
    start: int | None = None
    stop: int | None = None
    scale: float = 1.0
    stop_scale: float = 1.0
    tier: int | None = None
    frame: int | None = None


def _by_name(path: Path, head: Sequence[str], settings: LabelSettings) -> _Columns:
    """Return where a file with a line of names has times and values."""
    names = [column_name(name) for name in head]
    split = [_root_and_unit(name) for name in names]
    roots = [root for root, _ in split]

    def place(known: Sequence[str]) -> int | None:
        found = (at for at, name in enumerate(names) if name in known or roots[at] in known)
        return next(found, None)

    start = place(_TIMES) if not settings.time else _named(path, names, settings.time)
    if start is None:  # a bare unit is a time, too
        start = next((at for at, name in enumerate(names) if name in _UNITS), place(_STARTS))
    stop = place(_STOPS) if start is not None else None
    frame = place(_FRAMES)
    times = {start, stop, frame}
    rest = [
        at
        for at, root in enumerate(roots)
        if root and at not in times and root not in (*_NO_VALUES, *_STARTS, *_STOPS)
    ]
    tier = names.index("tier") if "tier" in names and len(rest) == 1 else None

    def scale(at: int | None) -> float:
        own = split[at][1] if at is not None else 1.0
        return {"auto": own, "ms": 0.001}.get(settings.unit, 1.0)

    values = rest if tier is not None else _values(path, names, rest, settings)
    return _Columns(values, start, stop, scale(start), scale(stop), tier, frame if start is None else None)


def _root_and_unit(name: str) -> tuple[str, float]:
    """Return a column's name without its unit, and how many seconds the unit is: ``time_ms``, ``time [ms]``."""
    root, mark, unit = name.rpartition("_")
    unit = unit.strip("()[]")
    if unit in _UNITS and (mark or name in _UNITS):
        return root.rstrip("_-") or unit, _UNITS[unit]
    return name, 1.0


def _named(path: Path, names: Sequence[str], time: str) -> int:
    if column_name(time) not in names:
        raise DataError(
            path, f"no column {time!r}; there are {', '.join(names)}",
            "the column that corpora.folder.labels.time names", "mend the settings or the file",
        )  # fmt: skip
    return names.index(column_name(time))


def _values(path: Path, names: Sequence[str], rest: Sequence[int], settings: LabelSettings) -> list[int]:
    wanted = [column_name(name) for name in ([settings.tier] if settings.tier else settings.names)]
    missing = [name for name in wanted if name not in names]
    if wanted and not missing:
        return [names.index(name) for name in wanted]
    if len(rest) == 1 and (not wanted or (len(wanted) == 1 and names[rest[0]] in _ANY)):
        return [rest[0]]
    there = ", ".join(names[at] for at in rest) or "none but times"
    raise DataError(
        path,
        f"no column {missing[0]!r}; there are {there}" if missing else f"columns of values: {there}",
        "the columns that corpora.folder.labels.names has"
        if missing
        else "one, or names of those that are labels",
        "name them in corpora.folder.labels, e.g. labels: {names: [engagement]}",
    )


def _of_tier(path: Path, rows: Sequence[list[str]], at: int, settings: LabelSettings) -> list[list[str]]:
    """Return the lines of the tier that the settings name, or of the only one."""
    there = list(dict.fromkeys(row[at].strip() for row in rows if len(row) > at))
    wanted = settings.tier or (settings.names[0] if len(settings.names) == 1 else "")
    small = wanted.strip().lower()
    kept = [row for row in rows if len(row) > at and row[at].strip().lower() == small]
    if kept:
        return kept
    if not wanted and len(there) == 1:
        return list(rows)
    raise DataError(
        path, f"no tier {wanted!r}; there are {', '.join(there)}" if wanted else f"tiers {', '.join(there)}",
        "a tier of the name in corpora.folder.labels.tier", f"set it to one of {', '.join(there)}",
    )  # fmt: skip


def _by_place(path: Path, rows: Sequence[Sequence[str]], settings: LabelSettings) -> _Columns:
    """Return where a file without a line of names has times and values: the last columns are values."""
    width, wanted = len(rows[0]), len(settings.columns)
    scale = 0.001 if settings.unit == "ms" else 1.0
    values = list(range(width - wanted, width))
    if width == wanted:
        return _Columns(values)
    if width == wanted + 1:
        return _Columns(values, 0, scale=scale)
    if width == wanted + 2:
        return _Columns(values, 0, 1, scale, scale)
    raise DataError(
        path,
        f"{width} columns without names, the first line is {quoted(';'.join(rows[0]))}",
        f"a time and {wanted} value{'s' * (wanted != 1)}, or a first line of names",
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


_FORMS: dict[str, Callable[[Path, LabelSettings], Marks]] = {
    ".eaf": read_eaf,
    ".anvil": read_anvil,
    ".annotation": read_nova,
    ".annotation~": read_nova,
}
