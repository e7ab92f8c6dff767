"""Whose media there are: which participants have which kinds of streams, and which recordings a part is made of.

``people.parquet`` and ``division.json`` lie beside the windows of a task.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.corpora.manifest import StreamRow
from affectssm.errors import DataError
from affectssm.families.recordings.stages.folds import Part
from affectssm.families.recordings.stages.frames import DIVISION, PEOPLE
from affectssm.store.atomic import write_json
from affectssm.store.parquet import read_parquet, write_parquet

Seat = tuple[str, str]  # recording, participant
Kinds = Mapping[Seat, frozenset[str]]
SCHEMA = pa.schema(
    [
        ("recording", pa.string()),
        ("participant", pa.string()),
        ("group", pa.string()),
        ("kinds", pa.list_(pa.string())),
    ]
)


def kinds_by_seat(rows: Iterable[StreamRow], kinds: Sequence[str]) -> Kinds:
    """Return which of some kinds of streams each participant has."""
    found: dict[Seat, set[str]] = defaultdict(set)
    for row in rows:
        if row.kind in kinds:
            found[row.recording, row.participant].add(row.kind)
    return {seat: frozenset(own) for seat, own in found.items()}


def write_people(folder: Path, held: Kinds, groups: Mapping[str, str], card: Mapping[str, Any]) -> None:
    """Write who has which kinds.

    Args:
        folder: of the task.
        held: by participant.
        groups: of each recording.
        card: of the windows.
    """
    seats = sorted(held)
    columns = {
        "recording": [recording for recording, _ in seats],
        "participant": [who for _, who in seats],
        "group": [groups[recording] for recording, _ in seats],
        "kinds": [sorted(held[seat]) for seat in seats],
    }
    write_parquet(folder / PEOPLE, columns, SCHEMA, card)


def read_people(folder: Path) -> Kinds:
    """Return which kinds of streams each participant of a task has."""
    rows = read_parquet(folder / PEOPLE).to_pylist()
    return {(row["recording"], row["participant"]): frozenset(row["kinds"]) for row in rows}


def write_division(folder: Path, parts: Mapping[str, Part], card: Mapping[str, Any]) -> None:
    """Write which recordings each part learns from, selects on and reports."""
    write_json(folder / DIVISION, {"parts": {name: vars(part) for name, part in parts.items()}, "card": card})


def read_division(folder: Path) -> dict[str, Part]:
    """Return the parts of a task by their names.

    Raises:
        DataError: when the file is absent or none.
    """
    path = folder / DIVISION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["parts"]
        return {
            name: Part(*(tuple(own[key]) for key in ("learn", "select", "report")))
            for name, own in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            path, f"not readable: {error}", "the division of a task", "make the windows again"
        ) from error


def read_part(folder: Path, name: str) -> Part:
    """Return a part of a task.

    Raises:
        DataError: when the task has no such part.
    """
    parts = read_division(folder)
    if name not in parts:
        raise DataError(
            folder / DIVISION,
            f"no part {name}",
            f"one of {', '.join(parts)}",
            "run snakemake again, which looks anew",
        )
    return parts[name]
