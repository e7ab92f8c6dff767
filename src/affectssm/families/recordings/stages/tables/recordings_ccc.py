"""The table of labels over time in one's own recordings: CCC, Pearson's correlation and RMSE of every label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from affectssm.errors import DataError
from affectssm.families.recordings.stages.scores import AVERAGE, CCC, METRICS, PEARSON, RMSE
from affectssm.families.recordings.stages.tables.figure import draw
from affectssm.families.video.stages.traces import SCHEMA, traces_beside
from affectssm.store.parquet import read_parquet
from affectssm.tables.frame_measured import Scores, read_scores
from affectssm.tables.measured import in_order, require_complete
from affectssm.tables.page import Inputs, Page, score_columns
from affectssm.tables.provenance import origins
from affectssm.tables.rows import (
    counts_of,
    gap_notes,
    method_notes,
    no_interval,
    scale_note,
    score_cells,
)
from affectssm.vocabulary.features import spec

TITLE = "Labels over time in your own recordings"
INTRO = (
    "Measured here; mean over seeds ± sd over seeds [95 % interval over recordings, from six on]. `{label}_ccc` is the "
    "CCC of all valid label frames of all reported recordings together, `{label}_ccc_participant` the mean of each "
    "participant's own, `{label}_pearson` and `{label}_rmse` as CCC of all frames. An answer that never changes has a CCC "
    "of 0. `split`: the part that your table of recordings reports, or how many folds of whole groups there are, each of "
    "which is reported once by a model that has not seen it; the epoch is selected on other recordings."
)
REPORTED = "reported"


def page(inputs: Inputs) -> Page:
    """A row a model and source."""
    found = [read_scores(path, inputs.settings) for path in inputs.files]
    measured = in_order({one.name: one for one in found}, inputs)
    require_complete({one.name: _first(one)["missing"] for one in measured}, inputs, "recording")
    names = list(inputs.settings["columns"])
    shown = [*names, AVERAGE] if len(names) > 1 else names
    rows = [measured_row(one, inputs, shown) for one in measured]
    numbers = [f"{name}_{metric}" for name in shown for metric in (CCC, PEARSON, RMSE)]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=score_columns([f"{name}_{metric}" for name in shown for metric in METRICS]),
        keys=("method", "source", "data", "weights", "features", "split"),
        numbers=numbers,
        rows=rows,
        origins=origins(measured),
        draw=partial(
            draw,
            TITLE,
            rows,
            [f"{row['method']} ({row['features'].partition(':')[0]})" for row in rows],
            {f"{name}_{CCC}": name for name in shown},
            _traces(measured),
        ),
    )


def measured_row(scores: Scores, inputs: Inputs, shown: Sequence[str]) -> dict[str, str]:
    """Return the row of an experiment."""
    told, first = scores.described, _first(scores)
    row = {
        "method": inputs.settings["titles"][told["model"]],
        "source": "measured",
        "data": "demo" if inputs.settings["demo"] else "real",
        "weights": _weights(told, inputs.settings),
        "features": f"{told['source']}: " + "+".join(told["features"]),
        "split": _split(scores),
    }
    own = {f"{name}_{metric}": _summary(scores, f"{name}_{metric}") for name in shown for metric in METRICS}
    for name, summary in own.items():
        row |= score_cells(name, summary)
    main = [own[f"{name}_{CCC}"] for name in shown]
    notes = [scale_note({"folder"}, inputs.settings, row["weights"])]
    reasons = dict.fromkeys(one["reason"] or no_interval(one, "recording") for one in main)
    notes += filter(None, reasons)
    if first["n_used"] < FEW:
        notes.append(f"{first['n_used']} recordings are too few to tell one model from another")
    notes += method_notes("recording", main)
    notes += gap_notes(first["missing"], inputs.faults)
    return row | counts_of([first]) | {"note": "; ".join(notes)}


FEW = 6  # recordings; as many as an interval needs


def _first(scores: Scores) -> Mapping[str, Any]:
    return next(iter(scores.summaries.values()))


def _summary(scores: Scores, metric: str) -> Mapping[str, Any]:
    found = scores.summaries.get((REPORTED, metric))
    if found is None:
        raise DataError(scores.path, f"no {metric}", "the labels of the configuration", "run evaluate again")
    return found


def _split(scores: Scores) -> str:
    parts = _first(scores)["fold"].split("+")
    return "held out by the table" if parts == ["main"] else f"{len(parts)} folds"


def _weights(told: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Whose weights computed the features: pretrained, random, or none where no network did."""
    return settings["weights"] if any(spec(name).network for name in told["features"]) else "none"


def _traces(measured: Sequence[Scores]) -> Any:
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
