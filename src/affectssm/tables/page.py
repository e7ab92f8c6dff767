"""What a table consists of before it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectssm.store.faults import Fault
from affectssm.tables.standing import EDITION

Row = Mapping[str, str]


@dataclass(frozen=True)
class Inputs:
    """What a table is made of.

    Attributes:
        files: metrics of experiments, or a measurement.
        settings: ``catalogue.table_settings``.
        faults: those in the data behind the table.
        oracle: what a perfect reader of the demo's latents scores, by corpus; None where no corpus is a demo's.
        where: the CSV to be written, for error messages.
    """

    files: Sequence[Path]
    settings: Mapping[str, Any]
    faults: Sequence[Fault]
    oracle: Mapping[str, Any] | None
    where: Path


@dataclass(frozen=True)
class Section:
    """A further table for people: a heading, the names of its columns and its lines."""

    title: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Page:
    """A table and how to show it.

    Attributes:
        title, intro: for people.
        columns: of the CSV; the first is EDITION, which is filled in when the table is written.
        keys: the columns that name a row in the Markdown.
        numbers: the columns with numbers in the Markdown, shown with their sd and interval where there are any.
        rows: column -> text, published rows first.
        origins: where the measured rows come from, for the provenance file.
        draw: writes the figure.
        sections: what would not fit beside the numbers, in the Markdown.
        decimals: of measured numbers in the Markdown.
    """

    title: str
    intro: str
    columns: Sequence[str]
    keys: Sequence[str]
    numbers: Sequence[str]
    rows: Sequence[Row]
    origins: Sequence[Mapping[str, Any]]
    draw: Callable[[Path], None]
    sections: Sequence[Section] = ()
    decimals: int = 2


def metric_columns(name: str) -> list[str]:
    """The columns of one metric: value, sd, low, high."""
    return [name, f"{name}_sd", f"{name}_low", f"{name}_high"]


def score_columns(
    metrics: Sequence[str], setting: Sequence[str] = (), compared: Sequence[str] = ()
) -> tuple[str, ...]:
    """The columns of a table of scores: edition, who, in which ``setting``, the metrics, the ``compared``, counts."""
    scores = [column for name in metrics for column in metric_columns(name)]
    head = (EDITION, "method", "source", "data", "weights", "features", "split")
    return (*head, *setting, *scores, *compared, "n_seeds", "n_units", "n_expected", "note")


def row_label(row: Row) -> str:
    """What stands beside a row in a figure."""
    setting = f", {row['setting']}" if row.get("setting") else ""
    if row["source"] == "published":
        return row["method"] + setting
    split = "" if row["split"] == "test" else f", {row['split']}"
    return f"{row['method']}{setting} ({row['features'].partition(':')[0]}{split})"
