"""The table of labels over time in one's own recordings: CCC, Pearson's correlation and RMSE of every label."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from affectssm.errors import DataError
from affectssm.families.recordings.stages.scores import (
    AVERAGE,
    CCC,
    METRICS,
    PEARSON,
    RMSE,
    SPREAD,
    metrics_of,
)
from affectssm.families.recordings.stages.tables.figure import draw
from affectssm.families.recordings.stages.tables.rows import KEYS, label_of, measured_row, read_experiments
from affectssm.families.video.stages.traces import SCHEMA, traces_beside
from affectssm.store.parquet import read_parquet
from affectssm.tables.frame_measured import Scores
from affectssm.tables.page import Inputs, Page, score_columns
from affectssm.tables.provenance import origins

TITLE = "Labels over time in your own recordings"
INTRO = (
    "Measured here; mean over seeds ± sd over seeds [95 % interval over recordings, from six on]; of groups "
    "with several recordings each it is too narrow. `{label}_ccc`, "
    "`_pearson` and `_rmse` are of all valid label frames of all reported recordings together, `_ccc_participant` (in "
    "the CSV) is the mean of each participant's own CCC. An answer that never changes has a CCC of 0, and at best an "
    "RMSE of `_spread`, the labels' deviation from their mean. `split`: `as given` reports the part that your "
    "recordings' table says; `k folds` of whole groups report each recording once, by a model that has not seen it. "
    "Epochs are selected on other recordings."
)


def page(inputs: Inputs) -> Page:
    """A row a model and source."""
    measured = read_experiments(inputs)
    names = list(inputs.settings["columns"])
    shown = [*names, AVERAGE] if len(names) > 1 else names
    columns = [metric.replace("/", "_") for metric in metrics_of(names, METRICS)]
    main = [f"{name}_{CCC}" for name in shown]
    rows = [measured_row(one, inputs, columns, main) for one in measured]
    labels = [label_of(row) for row in rows]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=score_columns(columns),
        keys=KEYS,
        numbers=[metric.replace("/", "_") for metric in metrics_of(names, (CCC, PEARSON, RMSE, SPREAD))],
        rows=rows,
        origins=origins(measured),
        draw=partial(draw, TITLE, rows, labels, dict(zip(main, shown, strict=True)), _traces(measured)),
    )


def _traces(measured: Sequence[Scores]) -> pa.Table:
    """The traces of the first experiment.

    Raises:
        DataError: when they do not lie beside its metrics.
    """
    for one in measured:
        path = traces_beside(one.path)
        if not path.is_file():
            raise DataError(path, "no such file", "the traces of these metrics", "run evaluate again")
        return read_parquet(path)
    return SCHEMA.empty_table()
