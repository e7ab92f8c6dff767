"""Rows of experiments on video, described so that nothing is passed off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
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


def over_all_folds(measured: Sequence[Scores]) -> list[Scores]:
    """Return the metrics of each setting over all its folds: the official one and the others are two experiments."""
    found: dict[tuple[str, str], Scores] = {}
    for one in measured:
        setting = (one.described["variant"], one.described["source"])
        first = found.get(setting)
        found[setting] = one if first is None else _with(first, one)
    return list(found.values())


def _with(first: Scores, more: Scores) -> Scores:
    told = {
        **first.described,
        "folds": [*first.described["folds"], *more.described["folds"]],
        "windows": {**first.described["windows"], **more.described["windows"]},
    }
    summaries, by_seed = {**first.summaries, **more.summaries}, {**first.by_seed, **more.by_seed}
    return replace(first, described=told, summaries=summaries, by_seed=by_seed)


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
    return {
        "method": inputs.settings["titles"]["mamba_va"] + METHODS[told["variant"]],
        "source": "measured",
        "data": "demo" if inputs.settings["demo"] else "real",
        "weights": weights_of(scores, inputs.settings),
        "features": f"{told['source']}: " + "+".join(told["features"]),
        "split": "val",
        "selection": "reported videos" if told["variant"] == "reported" else "held-out training videos",
    }


def weights_of(scores: Scores, settings: Mapping[str, Any]) -> str:
    """Return whose weights computed an experiment's features: pretrained, random, or none where no network did."""
    computed = any(spec(name).network for name in scores.described["features"])
    return settings["weights"] if computed else "none"


def over_folds(scores: Scores, inputs: Inputs, remarks: Sequence[str] = ()) -> dict[str, str]:
    """Return the row of the mean and deviation over an experiment's folds; ``remarks`` belong to its note."""
    folds = folds_of(scores)
    row = described(scores, inputs) | {"fold": f"mean of {len(folds)}"}
    for name in (*METRICS, *BY_VIDEO):
        found = mean_and_sd([summaries_in(scores, fold)[name]["value"] for fold in folds])
        row |= dict(zip(metric_columns(name), (*found, "", ""), strict=True))
    counted = counts_of([summaries_in(scores, fold)["valence"] for fold in folds])
    notes = [
        scale_note({CORPUS}, inputs.settings, row["weights"]),
        f"mean and sd over folds {', '.join(map(str, folds))}, not over seeds",
        "folds share videos, which count once a fold, and so there is no interval",
        *tuning_notes(scores.described),
        *(
            f"fold {fold}: {why}"
            for fold in folds
            if (why := summaries_in(scores, fold)["valence"]["reason"])
        ),
        *remarks,
    ]
    gaps = list(dict.fromkeys(gap for fold in folds for gap in missing_in(scores, fold)))
    return row | counted | {"note": "; ".join([*notes, *gap_notes(gaps, inputs.faults)])}


def mean_and_sd(values: Sequence[float]) -> tuple[str, str]:
    """Return mean and sample deviation as text: empty where a value is NaN, the latter for a single value as well."""
    if not all(map(math.isfinite, values)):
        return "", ""
    return number(mean(values)), number(stdev(values) if len(values) > 1 else math.nan)


def _notes(scores: Scores, fold: int, settings: Mapping[str, Any], faults: Sequence[Fault]) -> list[str]:
    """What a reader must know about a measured row."""
    told, own = scores.described, summaries_in(scores, fold)
    found = [scale_note({CORPUS}, settings, weights_of(scores, settings))]
    found.append(f"windows of {told['windows'][str(fold)]} frames")
    found += [f"{told['init']} initialisation"] if told["parts"] in ("both", "mamba") else []
    found += [*tuning_notes(told), *_variant_notes(told)]
    reasons = {name: own[name]["reason"] or no_interval(own[name], "video") for name in METRICS}
    if len(set(reasons.values())) == 1:
        found += list(filter(None, set(reasons.values())))
    else:
        found += [f"{name}: {reason}" for name, reason in reasons.items() if reason]
    found += method_notes("video", [own[name] for name in METRICS])
    return found + gap_notes(missing_in(scores, fold), faults)


def tuning_notes(told: Mapping[str, Any]) -> list[str]:
    """What a row must say of an encoder that saw labels."""
    tuned = any(spec(name).by_fold for name in told["features"])
    return ["last blocks of the encoder tuned on the labels of the fold's training videos"] if tuned else []


def _variant_notes(told: Mapping[str, Any]) -> list[str]:
    """What sets the model of a row apart."""
    found = {
        "frame": [
            "a frame is answered from its own features alone, by a linear layer and the head, not widened"
        ],
        "tcn": ["widened to the parameters of the whole"],
        "mamba": ["widened to the parameters of the whole"],
        "both": [],
    }[told["parts"]]
    if not told["forward_fill"]:
        found = [*found, "frames without a face masked"]
    if told["variant"] == "reported":
        remark = "epoch selected on the videos that are reported, as the released code does: too high by that"
        found = [*found, remark]
    return found
