"""Mamba-VA's table: CCC of valence and arousal on Aff-Wild2, published beside measured, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from affectssm.errors import DataError
from affectssm.families.video.stages.tables.figure import draw
from affectssm.families.video.stages.tables.rows import (
    BY_VIDEO,
    METRICS,
    described,
    folds_of,
    mean_and_sd,
    measured_row,
    over_all_folds,
    over_folds,
    read_experiments,
)
from affectssm.families.video.stages.traces import SCHEMA, traces_beside
from affectssm.store.parquet import read_parquet
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
    "mean of each person's own CCC. Fold 0 is the official split, the others are a cross-validation of the videos of "
    "both its parts; people of one video stay together here, and not in the released code. The abstract's validation "
    "numbers are those of fold 2. `selection`: the videos that select the epoch; those that are reported make numbers "
    "too high, and the published ones are selected so (released code)."
)


def page(inputs: Inputs) -> Page:
    """Published rows, then every fold of the model, their mean, the test videos, and the further rows."""
    measured = read_experiments(inputs)
    published = published_rows("affwild2_va", PUBLISHED)
    rows = list(published)
    for one in over_all_folds(measured):
        rows += [measured_row(one, fold, inputs) for fold in folds_of(one)]
        if len(folds_of(one)) > 1:
            rows.append(over_folds(one, inputs, _same_published(published, folds_of(one))))
        if one.described["variant"] == "" and 0 in folds_of(one):
            rows.append(_test_row(one, inputs))
    shown = [row for row in rows if any(row.get(name) for name in METRICS)]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "source", "data", "weights", "features", "split", "fold", "selection"),
        numbers=METRICS,
        rows=rows,
        origins=origins(measured),
        draw=partial(
            draw,
            TITLE,
            shown,
            [label(row) for row in shown],
            PANELS,
            _traces(measured),
            bool(inputs.settings["demo"]),
        ),
    )


def label(row: Row) -> str:
    """Return what stands beside a row in the figure."""
    fold = row.get("fold", "")
    words = [row["method"], f"fold {fold}" if fold.isdigit() else fold]
    words += ["test"] if row["split"] == "test" else []
    words += ["selected on it"] if _measured_on_itself(row) else []
    return ", ".join(filter(None, words))


def _measured_on_itself(row: Row) -> bool:
    return row["source"] == "measured" and row["selection"] == "reported videos"


def _same_published(published: Sequence[Row], folds: Sequence[int]) -> list[str]:
    """What the paper's rows of the same folds have for mean and sd, which it does not print."""
    own = {row["fold"]: row for row in published if row["fold"].isdigit() and row["method"] == "Mamba-VA"}
    if any(str(fold) not in own for fold in folds):
        return []
    found = {name: mean_and_sd([float(own[str(fold)][name]) for fold in folds]) for name in METRICS}
    told = ", ".join(f"{name} {value} ± {sd}" for name, (value, sd) in found.items())
    return [f"the published rows of the same folds have {told} (computed here)"]


def _test_row(one: Scores, inputs: Inputs) -> dict[str, str]:
    handed_in = inputs.settings["submissions"].get(one.name)
    note = "no test videos in this configuration"
    if handed_in:
        note = f"labels of test videos are withheld by the owner; predictions to be handed in: {handed_in}"
    return described(one, inputs) | {"split": "test", "fold": "0", "note": note}


def _traces(measured: Sequence[Scores]) -> pa.Table:
    """The traces of the model as configured, on the first source that has some.

    Raises:
        DataError: when they do not lie beside the metrics.
    """
    for one in measured:
        if one.described["variant"] != "" or 0 not in folds_of(one):
            continue
        path = traces_beside(one.path)
        if not path.is_file():
            raise DataError(path, "no such file", "the traces of these metrics", "run evaluate again")
        return read_parquet(path)
    return SCHEMA.empty_table()
