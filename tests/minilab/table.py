"""The table: a row a penalty."""

from __future__ import annotations

from functools import partial

from affectssm.store.parquet import read_parquet, read_parquet_card
from affectssm.tables.figure import Words, draw
from affectssm.tables.page import Inputs, Page, score_columns
from affectssm.tables.rows import gap_notes, no_interval, scale_note, score_cells

TITLE = "Sentiment of clips: mean absolute error on Mini"
INTRO = "`measured`: computed here; mean over clips and seeds ± sd over seeds [95 % interval over clips, from six on]."
PANELS = {"mae": "MAE"}


def page(inputs: Inputs) -> Page:
    """Return the page."""
    rows, origins = [], []
    settings = inputs.settings
    for path in inputs.files:
        (summary,) = read_parquet(path).to_pylist()
        card = read_parquet_card(path) or {}
        why = no_interval(summary, "clip")
        notes = [
            scale_note({"mini"}, settings),
            *([f"mae: {why}"] if why else []),
            *gap_notes([], inputs.faults),
        ]
        rows.append(
            {
                "method": settings["titles"][summary["experiment"]],
                "source": "measured",
                "data": "demo" if settings["demo"] else "real",
                "weights": "none",
                "features": "vectors",
                "split": "test",
                **score_cells("mae", summary),
                "n_seeds": str(summary["n_seeds"]),
                "n_units": str(summary["n_used"]),
                "n_expected": str(summary["n_expected"]),
                "note": "; ".join(notes),
            }
        )
        origins.append({"experiment": summary["experiment"], "evaluation": card})
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=score_columns(("mae",)),
        keys=("method", "source", "data", "split"),
        numbers=("mae",),
        rows=rows,
        origins=origins,
        draw=partial(draw, TITLE, rows, [row["method"] for row in rows], PANELS, words=Words("MAE", "clips")),
    )
