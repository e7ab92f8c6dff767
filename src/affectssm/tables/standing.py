"""What stands in ``results/tables``: the tables that were asked for last, or nothing.

A table says in its first column, ``edition``, which corpora its measured rows rest on; that of a demo begins with
``demo``. Light on purpose (no torch, no pandas): the workflow asks before every run.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

EDITION, UNKNOWN = "edition", "unknown"
SUFFIXES = {
    "csv": ".csv",
    "markdown": ".md",
    "provenance": ".provenance.json",
    "faults": ".faults.csv",
    "figure": ".png",
}
"""What each file of a table is called behind the table's name. The CSV is put last and taken away first."""


def files_of(folder: Path | str, table: str) -> dict[str, str]:
    """Return the files of a table in a folder, by what they are."""
    return {kind: f"{folder}/{table}{suffix}" for kind, suffix in SUFFIXES.items()}


def edition_text(edition: str, corpora: Collection[str], demo: Collection[str]) -> str:
    """Return what a table of some corpora says in its first column.

    Args:
        edition: the corpora's common edition.
        corpora: behind the table.
        demo: those of them that were made here.
    """
    if not demo:
        return edition
    if set(corpora) - set(demo):
        return f"partly demo {edition}"
    return edition if edition.startswith("demo") else f"demo {edition}"


def is_demo(edition: str) -> bool:
    """Whether a table that says this in its first column rests on demo corpora alone."""
    return edition.startswith("demo")


def standing_edition(folder: Path | str, table: str) -> str | None:
    """Return what the table that stands in a folder says in its first column; None where none stands.

    A table without that column, of an earlier version or another hand, is one of ``unknown`` edition unless all that
    was measured for it is said to be a demo's.
    """
    path = Path(folder, f"{table}{SUFFIXES['csv']}")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, csv.Error):
        return UNKNOWN
    if rows and rows[0].get(EDITION):
        return rows[0][EDITION]
    data = {row.get("data") for row in rows if row.get("source") == "measured"}
    return "demo" if data == {"demo"} else UNKNOWN


def take_away(folder: Path | str, table: str) -> list[Path]:
    """Delete the files of a table that stand in a folder, the CSV first; return those that were there."""
    taken = []
    for path in map(Path, files_of(folder, table).values()):
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        taken.append(path)
    return taken
