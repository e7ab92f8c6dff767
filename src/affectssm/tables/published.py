"""Published rows: published/{table}.csv, values as printed in the papers; a note names what other sources have."""

from __future__ import annotations

import csv
import hashlib
from importlib import resources

SHARED = {"source": "published", "data": "real", "weights": "pretrained", "split": "test"}


def published_rows(table: str) -> list[dict[str, str]]:
    """The published rows of a table; ``note`` holds where a row is printed and what is to be known about it."""
    text = resources.files("affectssm.tables").joinpath(f"published/{table}.csv").read_text(encoding="utf-8")
    rows = []
    for found in csv.DictReader(text.splitlines()):
        note = "; ".join(part for part in (found.pop("origin"), found.pop("note")) if part)
        rows.append(SHARED | found | {"note": note})
    return rows


def published_hash(table: str) -> str:
    """A hash of the published numbers, so that mending one rebuilds the table; "" where a table has none."""
    file = resources.files("affectssm.tables").joinpath(f"published/{table}.csv")
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""
