"""The table of labels of one's own recordings as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from affectssm.families.recordings.stages.scores import (
    ACCURACY,
    AVERAGE,
    CCC,
    CLASSIFICATION,
    CONSTANT,
    MAE,
    PEARSON,
    REGRESSION,
    RMSE,
    metrics_of,
)
from affectssm.families.recordings.stages.tables.figure import warned
from affectssm.families.recordings.stages.tables.rows import KEYS, label_of, measured_row, read_experiments
from affectssm.tables.figure import MEASURED, Words, finish, mark, measured_label, new_figure, panels, size_of
from affectssm.tables.page import Inputs, Page, Row, score_columns
from affectssm.tables.provenance import origins

TITLE = "Labels of your own recordings as a whole"
_SHARED = (
    "Measured here; mean over seeds ± sd over seeds [95 % interval over recordings, from six on]; of groups "
    "with several recordings each it is too narrow. `split`: `as given` "
    "reports the part that your recordings' table says; `k folds` of whole groups report each recording once, by a "
    "model that has not seen it. Epochs are selected on other recordings. "
)
_REGRESSION = (
    "`{label}_ccc`, `_pearson`, `_mae` and `_rmse` are over all items that are reported (some in the CSV alone); "
    "`_mae_constant` is the error of the best answer that is the same for all, the median of their labels."
)
_CLASSIFICATION = (
    "`{label}_accuracy` and `_f1` (weighted by the classes' sizes) are shares of all items that are reported; "
    "`_accuracy_constant` is that of the largest class."
)
INTRO = {"regression": _SHARED + _REGRESSION, "classification": _SHARED + _CLASSIFICATION}


def page(inputs: Inputs) -> Page:
    """A row a model and source."""
    measured = read_experiments(inputs)
    task, names = inputs.settings["task"], list(inputs.settings["columns"])
    classes = task == "classification"
    metrics = CLASSIFICATION if classes else REGRESSION
    main, constant = (ACCURACY, CONSTANT[ACCURACY]) if classes else (CCC, CONSTANT[MAE])
    shown = [*names, AVERAGE] if len(names) > 1 else names
    columns = [metric.replace("/", "_") for metric in metrics_of(names, (*metrics, constant))]
    told = columns if classes else [name for name in columns if not name.endswith((PEARSON, RMSE))]
    asked = [f"{name}_{main}" for name in shown]
    rows = [measured_row(one, inputs, columns, asked) for one in measured]
    words = Words("accuracy" if classes else "CCC")
    return Page(
        title=TITLE,
        intro=INTRO[task],
        columns=score_columns(columns),
        keys=KEYS,
        numbers=told,
        rows=rows,
        origins=origins(measured, of_run),
        draw=partial(_draw, rows, dict(zip(asked, shown, strict=True)), words),
    )


def of_run(card: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of the runs of a job by the card of their answers."""
    return {"seed": "-".join(map(str, card["settings"]["seeds"])), "training": card}


def _draw(rows: Sequence[Row], metrics: Mapping[str, str], words: Words, path: Path) -> None:
    figure = new_figure(*size_of(rows, metrics))
    panels(figure, rows, [label_of(row) for row in rows], metrics, words)
    split = rows[0]["split"] if rows else ""
    handles = [mark("s", MEASURED[0], MEASURED[0], measured_label(split, rows, words))]
    handles += warned(rows)
    finish(figure, TITLE, path, handles, any(row["data"] == "demo" for row in rows))
