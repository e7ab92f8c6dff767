"""Published rows: published/{table}.csv beside the module of a table's page, values as printed in the papers.

A column is one of the table's; ``origin`` says where a row is printed, ``note`` what other sources have.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from affectssm.vocabulary.tables import PAGES
from affectssm.vocabulary.targets import named

SHARED = {"source": "published", "data": "real", "weights": "pretrained", "split": "test"}


def published_rows(table: str, shared: Mapping[str, str] = SHARED, origin: str = "") -> list[dict[str, str]]:
    """The published rows of a table; ``note`` holds where a row is printed and what is to be known about it.

    Args:
        table: its name.
        shared: what all rows say.
        origin: where they are printed, if the file has no such column.
    """
    rows = []
    for found in csv.DictReader(_file(table).read_text(encoding="utf-8").splitlines()):
        note = "; ".join(part for part in (found.pop("origin", origin), found.pop("note", "")) if part)
        rows.append({**shared, **found, "note": note})
    return rows


def published_hash(table: str) -> str:
    """A hash of the published numbers, so that mending one rebuilds the table; "" where a table has none."""
    file = _file(table)
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""


def _file(table: str) -> Path:
    page = find_spec(named(PAGES, table, "table").partition(":")[0])
    return Path(str(page and page.origin)).parent / "published" / f"{table}.csv"
