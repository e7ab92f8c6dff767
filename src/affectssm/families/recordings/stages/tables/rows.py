"""Rows of experiments on one's own recordings, described so that nothing is passed off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectssm.errors import DataError, listed
from affectssm.evaluation.intervals import MIN_UNITS
from affectssm.store.faults import Fault
from affectssm.tables.frame_measured import Scores, read_scores
from affectssm.tables.measured import in_order, require_complete
from affectssm.tables.page import Inputs
from affectssm.tables.rows import counts_of, gap_notes, method_notes, no_interval, score_cells
from affectssm.vocabulary.features import spec

REPORTED = "reported"
KEYS = ("method", "source", "data", "weights", "features", "split")


def read_experiments(inputs: Inputs) -> list[Scores]:
    """Read the metrics of a table's experiments, in the order of its rows.

    Raises:
        DataError: when one is absent, or when somebody is missing and the settings do not allow it.
    """
    found = [read_scores(path, inputs.settings) for path in inputs.files]
    measured = in_order({one.name: one for one in found}, inputs)
    require_complete({one.name: first_of(one)["missing"] for one in measured}, inputs, "recording")
    return measured


def measured_row(
    scores: Scores, inputs: Inputs, metrics: Sequence[str], main: Sequence[str]
) -> dict[str, str]:
    """Return the row of an experiment.

    Args:
        scores: its metrics.
        inputs: of the table.
        metrics: that have columns.
        main: those of which a note says why there is no number or interval.
    """
    told, first = scores.described, first_of(scores)
    used = [name for name in told["features"] if name in read_by(scores)]
    row = {
        "method": inputs.settings["titles"][told["model"]],
        "source": "measured",
        "data": "demo" if inputs.settings["demo"] else "real",
        "weights": weights_of(used, inputs.settings),
        "features": f"{told['source']}: " + "+".join(used),
        "split": split_of(scores),
    }
    own = {name: summary_of(scores, name) for name in metrics}
    for name, summary in own.items():
        row |= score_cells(name, summary)
    asked = [own[name] for name in main]
    notes = [_scale(inputs.settings, row["weights"])]
    notes += filter(None, dict.fromkeys(one["reason"] or no_interval(one, "recording") for one in asked))
    if first["n_used"] < MIN_UNITS:
        notes.append(f"{first['n_used']} recordings tell no model from another")
    if inputs.settings["range"] is None and inputs.settings["bounded"]:
        notes.append(
            "answers lie between the least and the largest label that is learnt from, since no range is given "
            "(corpora.folder.labels.range)"
        )
    if unused := [name for name in told["features"] if name not in used]:
        notes.append(f"without {', '.join(unused)}: nobody who is learnt from has what it is made of")
    notes += [
        *unusable(inputs.faults),
        *told["notes"],
        *method_notes("recording", asked),
        *gap_notes(first["missing"], inputs.faults),
    ]
    return row | counts_of([first]) | {"note": "; ".join(notes)}


def unusable(faults: Sequence[Fault]) -> list[str]:
    """Return who has a file that cannot be used, in words: whom nothing is left of is not counted among the units."""
    who = sorted({f"{one.recording}/{one.participant}" for one in faults if one.action == "quarantined"})
    if not who:
        return []
    return [
        f"{len(who)} with a file that cannot be used: {listed(who, 4)}; whoever has no media or no labels left is not "
        "counted"
    ]


def _scale(settings: Mapping[str, Any], weights: str) -> str:
    """A row's scale and weights, and whether they are what the papers have."""
    found = [f"{settings['scale']} scale", *(["random weights"] if weights == "random" else [])]
    text = ", ".join(found)
    small = settings["scale"] != "paper" or weights == "random"
    return (
        f"{text}: says nothing about what models of the papers' size and features can do" if small else text
    )


def read_by(scores: Scores) -> set[str]:
    """Return the features that some run of an experiment has read."""
    runs = (run["extra"] for run in scores.card["extra"]["runs"])
    return {name for run in runs for name in run.get("run", {}).get("extra", run).get("features", ())}


def first_of(scores: Scores) -> Mapping[str, Any]:
    """Return the summary row that is first."""
    return next(iter(scores.summaries.values()))


def summary_of(scores: Scores, metric: str) -> Mapping[str, Any]:
    """Return the summary row of a metric.

    Raises:
        DataError: when there is none.
    """
    found = scores.summaries.get((REPORTED, metric))
    if found is None:
        raise DataError(scores.path, f"no {metric}", "the labels of the configuration", "run evaluate again")
    return found


def split_of(scores: Scores) -> str:
    """Return which recordings are reported, in words."""
    parts = first_of(scores)["fold"].split("+")
    return "as given" if parts == ["main"] else f"{len(parts)} folds"


def weights_of(features: Sequence[str], settings: Mapping[str, Any]) -> str:
    """Return whose weights computed some features: pretrained, random, or none where no network did."""
    return settings["weights"] if any(spec(name).network for name in features) else "none"


def label_of(row: Mapping[str, str]) -> str:
    """Return what stands beside a row in a figure."""
    return f"{row['method']} ({row['features'].partition(':')[0]})"
