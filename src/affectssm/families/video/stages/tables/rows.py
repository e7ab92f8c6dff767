"""Rows of experiments on video, described so that nothing is passed off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from affectssm.families.video.stages.frames import CORPUS
from affectssm.store.faults import Fault
from affectssm.tables.frame_measured import Scores, read_scores
from affectssm.tables.measured import in_order, require_complete
from affectssm.tables.page import Inputs, metric_columns
from affectssm.tables.rows import (
    counts_of,
    gap_notes,
    method_notes,
    no_interval,
    number,
    scale_note,
    score_cells,
)
from affectssm.vocabulary.features import spec

METRICS = ("valence", "arousal", "average")
BY_VIDEO = tuple(f"{name}_video" for name in METRICS)
METHODS = {
    "": "",
    "frame": ", frame by frame",
    "tcn": ", TCN alone",
    "mamba": ", Mamba alone",
    "bidirectional": ", bidirectional",
    "reported": "",
    "exchanged": "",
    "other_init": "",
    "other_fill": "",
}


def read_experiments(inputs: Inputs) -> list[Scores]:
    """Read the metrics of a table's experiments, in the order of its rows.

    Raises:
        DataError: when one is absent, or when units are missing and the settings do not allow it.
    """
    found = [read_scores(path, inputs.settings) for path in inputs.files]
    rows = in_order({one.name: one for one in found}, inputs)
    gaps = {one.name: [gap for fold in folds_of(one) for gap in missing_in(one, fold)] for one in rows}
    require_complete(gaps, inputs, "video")
    return rows


def folds_of(scores: Scores) -> list[int]:
    """Return the folds of an experiment."""
    return list(scores.described["folds"])


def summaries_in(scores: Scores, fold: int) -> dict[str, Mapping[str, Any]]:
    """Return the summary row of every metric in a fold."""
    return {metric: row for (cell, metric), row in scores.summaries.items() if cell == f"fold{fold}"}


def missing_in(scores: Scores, fold: int) -> list[str]:
    """Return what is missing from a fold."""
    return list(summaries_in(scores, fold)["valence"]["missing"])


def measured_row(scores: Scores, fold: int, inputs: Inputs, remarks: Sequence[str] = ()) -> dict[str, str]:
    """Return the row of an experiment in a fold, as text; ``remarks`` come first in its note."""
    own = summaries_in(scores, fold)
    row = described(scores, inputs) | {"fold": str(fold)}
    for name in (*METRICS, *BY_VIDEO):
        row |= score_cells(name, own[name])
    row |= counts_of([own["valence"]])
    notes = [*remarks, *_notes(scores, fold, inputs.settings, inputs.faults)]
    return row | {"note": "; ".join(notes)}


def described(scores: Scores, inputs: Inputs) -> dict[str, str]:
    """Return who a row is of: method, data, weights, features."""
    told = scores.described
    read = told["features"]
    computed = any(spec(name).network for name in read)
    return {
        "method": inputs.settings["titles"]["mamba_va"] + METHODS[told["variant"]],
        "source": "measured",
        "data": "demo" if inputs.settings["demo"] else "real",
        "weights": inputs.settings["weights"] if computed else "none",
        "features": f"{told['source']}: " + "+".join(read),
        "split": "validation",
        "selection": "reported videos" if told["variant"] == "reported" else "held-out training videos",
    }


def over_folds(scores: Scores, inputs: Inputs) -> dict[str, str]:
    """Return the row of the mean and deviation over an experiment's folds."""
    folds = folds_of(scores)
    row = described(scores, inputs) | {"fold": f"mean of {len(folds)}"}
    for name in (*METRICS, *BY_VIDEO):
        values = [summaries_in(scores, fold)[name]["value"] for fold in folds]
        sd = stdev(values) if len(values) > 1 else math.nan
        row |= dict(zip(metric_columns(name), (number(mean(values)), number(sd), "", ""), strict=True))
    counted = counts_of([summaries_in(scores, fold)["valence"] for fold in folds])
    note = [
        f"mean and sd over {len(folds)} folds; folds share videos, so there is no interval",
        scale_note({CORPUS}, inputs.settings, row["weights"]),
    ]
    return row | counted | {"note": "; ".join(note)}


def _notes(scores: Scores, fold: int, settings: Mapping[str, Any], faults: Sequence[Fault]) -> list[str]:
    """What a reader must know about a measured row."""
    told, own = scores.described, summaries_in(scores, fold)
    weights = settings["weights"] if any(spec(name).network for name in told["features"]) else "none"
    found = [scale_note({CORPUS}, settings, weights)]
    found.append(f"windows of {told['windows'][str(fold)]} frames, {told['init']} initialisation")
    if not told["forward_fill"]:
        found.append("frames without a face masked")
    if told["variant"] == "reported":
        found.append("epoch selected on the videos that are reported, as the paper does: too high by that")
    for name in METRICS:
        reason = own[name]["reason"] or no_interval(own[name], "video")
        found += [f"{name}: {reason}"] if reason else []
    found += method_notes("video", [own[name] for name in METRICS])
    return found + gap_notes(missing_in(scores, fold), faults)
