"""Tables of clips, ``label.csv`` or ``meta.csv``: what is said in each clip, its split and its labels.

Columns go by name, ids are text (``0001`` stays). A table without a line of names is read in one of the two orders that
the owners use, which the place of the split tells.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from affectssm.errors import DataError
from affectssm.media.probe import MediaError
from affectssm.media.text import number, quoted, read_text

MAX_BYTES = 256 << 20  # the largest of the owners' has 6 MB
LABELS = ("label", "label_t", "label_a", "label_v")
UNLABELLED = "unlabelled"  # a split
SPLITS = {"train": "train", "valid": "val", "val": "val", "test": "test"}
_NEEDED = ("video_id", "clip_id", "text", "label", "mode")
_ORDERS = (
    ("video_id", "clip_id", "text", "label", "annotation", "mode", "label_t", "label_a", "label_v"),
    ("video_id", "clip_id", "text", "label", "label_t", "label_a", "label_v", "annotation", "mode"),
)
_DELIMITERS = (",", ";", "\t")
_LONGEST = 50  # lines of a quoted text


class ColumnsError(DataError):
    """A table that lacks columns."""


@dataclass(frozen=True)
class ClipLine:
    """A clip.

    Attributes:
        video, clip: its ids.
        text: what is said.
        split: train, val or test; "" where the table does not say.
        labels: (4,) of :data:`LABELS`, NaN where there is none.
    """

    video: str
    clip: str
    text: str
    split: str
    labels: tuple[float, ...]

    @property
    def recording(self) -> str:
        """The clip's name in all forms of its corpus."""
        return recording_of(self.video, self.clip)


class ClipTable(dict[str, ClipLine]):
    """Recording -> its line, in the order of the table.

    Attributes:
        problems: (fault code, what was found).
    """

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[tuple[str, str]] = []


@dataclass
class _Odd:
    """What is odd about lines: fault code -> quoted lines."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, code: str, number: int, text: str) -> None:
        self.lines.setdefault(code, []).append(f"line {number} {quoted(text)}")


def recording_of(video: str, clip: str) -> str:
    """Return the name of a clip: ``video[clip]``."""
    return f"{video}[{clip}]"


def read_table(path: Path) -> ClipTable:
    """Read a table of clips.

    Raises:
        ColumnsError: without a column that is needed.
        MediaError: if it cannot be read.
    """
    text = read_text(path, MediaError, limit=MAX_BYTES)
    lines = text.lines
    head = next((at for at, line in enumerate(lines) if line.strip()), 0)
    first = lines[head] if lines else ""
    delimiter = max(_DELIMITERS, key=lambda mark: len(_record([first], mark)[0]))
    names = tuple(name.strip().lower() for name in _record([first], delimiter)[0])
    table, odd = ClipTable(), _Odd()
    table.problems += text.problems
    if not set(_NEEDED) <= set(names):
        names, head = _without_names(path, first, names), head - 1
        table.problems.append(("clip_table_headerless", f"the first line is {quoted(first)}"))
    for at, fields in _records(lines[head + 1 :], delimiter):
        if any(one.strip() for one in fields):
            _add(table, names, fields, at + head + 2, odd)
    for code, found in odd.lines.items():
        more = " and others" if len(found) > 3 else ""
        table.problems.append((code, f"{len(found)}: {'; '.join(found[:3])}{more}"))
    return table


def _without_names(path: Path, first: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the columns of a table whose first line is a clip."""
    for order in _ORDERS:
        place = order.index("mode")
        if len(names) == len(order) and names[place] in SPLITS and not set(names) & set(_NEEDED):
            return order
    missing = [name for name in _NEEDED if name not in names]
    raise ColumnsError(
        path,
        f"no column {', '.join(missing)}; the first line is {quoted(first)}",
        f"the columns {', '.join(_NEEDED)}",
        "give the table of the owner's download, or write the names into its first line",
    )


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each record, with the place of its first line."""
    at = 0
    while at < len(lines):
        found, count = _record(lines[at : at + _LONGEST], delimiter)
        yield at, found
        at += count


def _record(lines: list[str], delimiter: str) -> tuple[list[str], int]:
    """Return the fields of the first record, and of how many lines it is: a quoted text may go over several.

    A quote that is never closed is a character as any other, so that it hides no other line.
    """
    for count in range(1, len(lines) + 1):
        text = "\n".join(lines[:count])
        if text.count('"') % 2:
            continue
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        found = next(reader, [])
        if next(reader, None) is not None:
            break
        return found, count
    return [one.strip('"') for one in lines[0].split(delimiter)] if '"' in lines[0] else [], 1


def _add(table: ClipTable, names: tuple[str, ...], fields: list[str], at: int, odd: _Odd) -> None:
    held = dict(zip(names, (one.strip() for one in fields), strict=False))
    shown = ",".join(fields)
    if len(fields) != len(names) or not held["video_id"] or not held["clip_id"]:
        odd.add("clip_table_line", at, shown)
        return
    labels = []
    for name in LABELS:
        value = number(held.get(name, ""))
        if value is None and held.get(name, ""):
            odd.add("label_not_a_number", at, shown)
        labels.append(math.nan if value is None else value)
    split = SPLITS.get(held["mode"].lower(), "")
    line = ClipLine(held["video_id"], held["clip_id"], held["text"], split, tuple(labels))
    if line.recording in table:
        odd.add("duplicate_clip", at, shown)
    else:
        table[line.recording] = line
