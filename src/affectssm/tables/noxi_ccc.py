"""DA-Mamba's main table: CCC on NoXi, NoXi-Add and MPIIGroupInteraction, published beside measured."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from affectssm.tables.measured import Measured, measured_row, metric_columns
from affectssm.tables.page import Page, row_label

METRICS = ("noxi_base", "noxi_add", "mpiigi", "global")
PANELS = {"noxi_base": "NoXi Base", "noxi_add": "NoXi-Add", "mpiigi": "MPIIGI", "global": "Global"}
COLUMNS = (
    "method", "source", "data", "weights", "features", "split",
    *(column for name in METRICS for column in metric_columns(name)),
    "n_seeds", "n_units", "n_expected", "note",
)  # fmt: skip
TITLE = "Engagement estimation: CCC on NoXi Base, NoXi-Add and MPIIGI"
INTRO = (
    "`published`: as printed in the papers. `measured`: computed here; mean over seeds ± sd over seeds "
    "[95 % bootstrap over recordings]. Global is the macro-average of the three corpora."
)


def page(
    rows: Sequence[Measured], settings: Mapping[str, Any], faults: int, oracle: Mapping[str, Any] | None
) -> Page:
    """The table: eleven published rows, then the measured ones."""
    table = published_rows() + [measured_row(row, settings, METRICS, faults) for row in rows]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "source", "data", "weights", "features", "split"),
        metrics=PANELS,
        rows=table,
        labels=[row_label(row) for row in table],
    )


def published_rows() -> list[dict[str, str]]:
    """The rows of published/noxi_ccc.csv: values as printed in the paper; the note names other sources'."""
    text = resources.files("affectssm.tables").joinpath("published/noxi_ccc.csv").read_text(encoding="utf-8")
    rows = []
    for found in csv.DictReader(text.splitlines()):
        row = {
            "method": found["method"],
            "source": "published",
            "data": "real",
            "weights": "pretrained",
            "split": "test",
        }
        row["features"] = found["features"]
        row |= {name: found[name] for name in METRICS}
        row["note"] = "; ".join(part for part in (found["origin"], found["note"]) if part)
        rows.append(row)
    return rows
