"""Tables of own recordings: CSV as programs and spreadsheets save it, or Parquet; a line for each participant.

Columns go by name, in either case and any order; what is not known here may be a label's. Ids are text (``007`` stays).
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.media.text import number, quoted, read_text
from affectssm.store.files import open_regular

FILES = ("video", "audio", "transcript", "labels")  # columns of paths
COLUMNS = ("recording", "participant", *FILES, "split", "group", "language", "partner")
MAX_BYTES = 256 << 20
_DELIMITERS = (",", ";", "\t", "|")
_SEP = "sep="  # a first line by which spreadsheets are told the delimiter


@dataclass(frozen=True)
class Line:
    """A line of the table; ``fields`` are its columns by name, without spaces at either end, ``""`` where empty."""

    number: int
    fields: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.fields.get(column, "")

    @property
    def recording(self) -> str:
        """Its name, or that of its video or sound file."""
        media = self["video"] or self["audio"] or self["transcript"]
        return self["recording"] or Path(media.replace("\\", "/")).stem

    @property
    def participant(self) -> str:
        """Its name; ``one`` where the table does not say."""
        return self["participant"] or "one"


@dataclass(frozen=True)
class Table:
    """What a table says.

    Attributes:
        columns: its columns, in small letters.
        lines: in their order, without empty ones.
        problems: (fault code, what was found) of the text and of lines that cannot be used.
    """

    columns: list[str]
    lines: list[Line]
    problems: list[tuple[str, str]]


def read_recordings(path: Path) -> Table:
    """Read a table of recordings.

    Raises:
        DataError: if it cannot be read, or names a column twice.
    """
    if path.suffix.lower() == ".parquet":
        head, rows = _parquet(path)
        found = list(enumerate(rows, 1))
        problems: list[tuple[str, str]] = []
    else:
        head, found, problems = read_csv(path, COLUMNS)
    columns = [column_name(name) for name in head]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise DataError(path, f"the column {twice[0]!r} twice", "each column once", "delete or rename one")
    lines = []
    for at, row in found:
        if len(row) > len(columns) and any(map(str.strip, row[len(columns) :])):
            problems.append(("table_line", f"line {at}: {len(row)} fields under {len(columns)} names"))
            continue
        fields = {
            name: text.strip() for name, text in zip(columns, row, strict=False) if name and text.strip()
        }
        if fields:
            lines.append(Line(at, fields))
    return Table([name for name in columns if name], lines, problems)


def read_csv(
    path: Path, known: Sequence[str]
) -> tuple[list[str], list[tuple[int, list[str]]], list[tuple[str, str]]]:
    """Read a text of separated fields: commas, semicolons, tabs or bars, whichever gives the first line its names.

    Args:
        path: the file.
        known: names of columns that may be there, in small letters.

    Returns:
        The fields of the first line, (number, fields) of each that follows, and (fault code, what was found).

    Raises:
        DataError: if it cannot be read, is empty, or a field never ends.
    """
    text = read_text(path, limit=MAX_BYTES)
    content, skipped, told = text.content, 0, ""
    first, _, rest = content.partition("\n")
    if first.strip().lower().startswith(_SEP) and len(first.strip()) == len(_SEP) + 1:
        content, skipped, told = rest, 1, first.strip()[-1]
    first = next((line for line in content.splitlines() if line.strip()), "")
    if not first:
        raise DataError(
            path, "an empty file", "a first line of names and lines below it", "save the table again"
        )
    delimiter = told or max(_DELIMITERS, key=lambda mark: _fitting(first, mark, known))
    try:
        records = list(_records(content, delimiter, skipped))
    except csv.Error as error:
        raise DataError(
            path, f"no table: {error}", "a quote that ends for each that begins", "save it again"
        ) from error
    if not records:
        raise DataError(
            path, "an empty file", "a first line of names and lines below it", "save the table again"
        )
    return records[0][1], records[1:], text.problems


def _records(content: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    reader, before = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter), skipped
    for row in reader:
        if any(field.strip() for field in row):
            yield before + 1, row
        before = skipped + reader.line_num


def _fitting(first: str, mark: str, known: Sequence[str]) -> tuple[int, bool, int]:
    """Return how well a delimiter fits: names that are known, else numbers alone (``0,5;0,7``), else many fields."""
    fields = next(csv.reader([first], delimiter=mark), [])
    numbers = all(number(field) is not None for field in fields)
    return sum(column_name(name) in known for name in fields), numbers, len(fields)


def _parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    import pyarrow as pa
    from pyarrow.parquet import read_table

    try:
        with open_regular(path) as file:
            table = read_table(file)
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise DataError(
            path, f"not readable as Parquet: {first}", "a whole Parquet file", "write it again"
        ) from error
    columns = [[_text(value) for value in table[name].to_pylist()] for name in table.column_names]
    return table.column_names, [list(row) for row in zip(*columns, strict=True)]


def _text(value: Any) -> str:
    """Return a value of Parquet as CSV would have it; whole numbers that were kept as floats are whole."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def column_name(name: str) -> str:
    """Return a column's name in small letters, spaces as ``_``."""
    return "_".join(name.strip().lower().split())


def check_columns(path: Path, table: Table, labels: Iterable[str]) -> None:
    """Refuse columns that nothing reads, and labels that no column has.

    Args:
        path: of the table.
        table: what it says.
        labels: the columns that the settings name as labels of items.

    Raises:
        DataError: naming the column, and what it may have been meant for.
    """
    named = [column_name(name) for name in labels]
    if not {"recording", "video", "audio", "transcript"} & set(table.columns):
        raise DataError(
            path,
            f"a first line {quoted(', '.join(table.columns))}",
            f"a first line of names: some of {', '.join(COLUMNS)}",
            "give at least recording, video or audio",
        )
    known = [*COLUMNS, *named]
    absent = [name for name in named if name not in table.columns]
    unknown = [name for name in table.columns if name not in known]
    if absent:
        raise DataError(
            path,
            f"no column {absent[0]!r} of labels; there are {', '.join(table.columns)}",
            f"the columns that corpora.folder.labels.names has: {', '.join(named)}",
            _meant(absent[0], unknown or table.columns) or "mend the names in the settings or in the table",
        )
    if unknown:
        raise DataError(
            path,
            f"the unknown column {unknown[0]!r}",
            f"some of {', '.join(known)}",
            (_meant(unknown[0], [name for name in known if name not in table.columns]) or "delete it")
            + "; labels of items are named in corpora.folder.labels: {per: item, names: [...]}",
        )


def label_texts(table: Table, recording: str, participant: str, labels: Sequence[str]) -> list[str] | None:
    """Return what a table says of each label of a participant; a table without names of recordings has one line.

    Returns:
        The texts, or None where no line, or more than one, is of the participant, or a column is not there.
    """
    lines = table.lines
    if {"recording", "video", "audio"} & set(table.columns):
        lines = [line for line in lines if line.recording == recording]
    if "participant" in table.columns:
        lines = [line for line in lines if line.participant == participant]
    named = [column_name(name) for name in labels]
    if len(lines) != 1 or not set(named) <= set(table.columns):
        return None
    return [lines[0][name] for name in named]


def _meant(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else ""
