"""A table as CSV (the same bytes every time) and as Markdown for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from affectssm.tables.page import Row, Section


def as_csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """RFC 4180 with line feeds; a row's absent columns are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(
    title: str,
    intro: str,
    rows: Sequence[Row],
    keys: Sequence[str],
    metrics: Sequence[str],
    sections: Sequence[Section] = (),
    decimals: int = 2,
) -> str:
    """A table with one column a metric (``0.52 ± 0.03 [0.41, 0.60]``) and numbered notes below it.

    ``a: b+c`` is shortened to ``a``, which the notes spell out, so that the table fits a terminal; ``sections`` are
    tables of their own below it.
    """
    over = ["units"] if any(row.get("n_units") for row in rows) else []
    header = ["", *keys, *metrics, *over]
    numbered: dict[str, int] = {}
    body = []
    for row in rows:
        note = row.get("note", "")
        mark = str(numbered.setdefault(note, len(numbered) + 1)) if note else ""
        shown = [row.get(key, "").partition(":")[0] for key in keys]
        units = [f"{row['n_units']}/{row['n_expected']}" if row.get("n_units") else "" for _ in over]
        body.append([mark, *shown, *(cell_text(row, name, decimals) for name in metrics), *units])
    lines = [f"# {title}", "", intro, "", *_aligned([header, *body])]
    for section in sections:
        lines += ["", f"## {section.title}", "", *_aligned([section.header, *section.lines])]
    if numbered:
        lines += ["", "Notes:", "", *(f"{number}. {note}" for note, number in numbered.items())]
    sources = sorted({row["features"] for row in rows if ": " in row.get("features", "")})
    if sources:
        lines += ["", "Features:", "", *(f"- {features}" for features in sources)]
    return "\n".join(lines) + "\n"


def cell_text(row: Row, name: str, decimals: int = 2) -> str:
    """Value, sd over seeds and 95 % interval of one metric, as far as there; a dash for an empty cell."""
    if not row.get(name):
        return "–"
    if row.get("source") == "published":
        return row[name]

    def printed(column: str) -> str:
        return f"{float(row[column]):.{decimals}f}"

    text = printed(name)
    if row.get(f"{name}_sd"):
        text += " ± " + printed(f"{name}_sd")
    if row.get(f"{name}_low"):
        text += f" [{printed(f'{name}_low')}, {printed(f'{name}_high')}]"
    return text


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in table]
    widths = [max(3, *(len(line[i]) for line in escaped)) for i in range(len(escaped[0]))]

    def line_of(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return [line_of(escaped[0]), rule, *(line_of(line) for line in escaped[1:])]
