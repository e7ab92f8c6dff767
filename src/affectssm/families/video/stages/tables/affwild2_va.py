"""Mamba-VA's table: CCC of valence and arousal on Aff-Wild2, published beside measured, fold by fold."""

from __future__ import annotations

from functools import partial

from affectssm.families.video.stages.tables.rows import (
    BY_VIDEO,
    METRICS,
    described,
    folds_of,
    measured_row,
    over_folds,
    read_experiments,
)
from affectssm.tables.figure import draw
from affectssm.tables.frame_measured import Scores
from affectssm.tables.page import Inputs, Page, Row, score_columns
from affectssm.tables.provenance import origins
from affectssm.tables.published import published_rows

PANELS = {"valence": "Valence", "arousal": "Arousal", "average": "Average"}
COLUMNS = score_columns((*METRICS, *BY_VIDEO), ("fold", "selection"))
PUBLISHED = {"source": "published", "data": "real", "weights": "pretrained"}
TITLE = "Valence and arousal in video: CCC on Aff-Wild2"
INTRO = (
    "`published`: as printed in the papers. `measured`: computed here; mean over seeds ± sd over seeds "
    "[95 % interval over videos, from six on], CCC of all valid frames of the fold's videos together; `*_video` is the "
    "mean of each person's own CCC. Fold 0 is the official split; the abstract's validation numbers are those of "
    "fold 2."
)


def page(inputs: Inputs) -> Page:
    """Published rows, then every fold of the model, their mean, the test videos, and the further rows."""
    measured = read_experiments(inputs)
    rows = published_rows("affwild2_va", PUBLISHED)
    for one in measured:
        rows += [measured_row(one, fold, inputs) for fold in folds_of(one)]
        if len(folds_of(one)) > 1:
            rows.append(over_folds(one, inputs))
        if one.described["variant"] == "" and 0 in folds_of(one):
            rows.append(_test_row(one, inputs))
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "source", "data", "weights", "features", "split", "fold", "selection"),
        numbers=METRICS,
        rows=rows,
        origins=origins(measured),
        draw=partial(draw, TITLE, rows, [label(row) for row in rows], PANELS),
    )


def label(row: Row) -> str:
    """Return what stands beside a row in the figure."""
    fold = (
        f", fold {row['fold']}"
        if row.get("fold", "").isdigit()
        else f", {row.get('fold')}" * bool(row.get("fold"))
    )
    test = ", test" * (row["split"] == "test")
    selected = ", selected on it" * (row.get("selection") == "reported videos")
    return f"{row['method']}{fold}{test}{selected}"


def _test_row(one: Scores, inputs: Inputs) -> dict[str, str]:
    note = f"labels of test videos are withheld by the owner; to be handed in: results/submissions/{one.name}"
    return described(one, inputs) | {"split": "test", "fold": "0", "note": note}
