"""What a table consists of before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A table and how to show it.

    Attributes:
        title, intro: for people.
        columns: of the CSV.
        keys: the columns that name a row in the Markdown.
        metrics: column -> heading of its panel in the figure.
        rows: column -> text, published rows first.
        labels: of the rows in the figure.
    """

    title: str
    intro: str
    columns: Sequence[str]
    keys: Sequence[str]
    metrics: Mapping[str, str]
    rows: Sequence[Mapping[str, str]]
    labels: Sequence[str]


def row_label(row: Mapping[str, str], variant: str = "") -> str:
    """What stands beside a row in the figure."""
    if row["source"] == "published":
        return row["method"]
    setting = f", {variant}" if variant else ""
    split = "" if row["split"] == "test" else f", {row['split']}"
    return f"{row['method']}{setting} ({row['features'].split(':')[0]}{split})"
