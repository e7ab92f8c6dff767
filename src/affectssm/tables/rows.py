"""Rows of a table that were computed here, described so that nothing is passed off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from affectssm.errors import UnexpectedError
from affectssm.evaluation.intervals import MIN_UNITS
from affectssm.store.faults import Fault
from affectssm.tables.measured import Measured, Told, missing_units
from affectssm.tables.page import Inputs, metric_columns
from affectssm.vocabulary.kinds import STREAM_KINDS

ADAPTED = ", adapted to MPIIGI"
SELECTION = {
    "val": "epoch selected on NoXi val",
    "holdout": "epoch selected on held-out training sessions",
    "adapt_mpiigi": "adapted on labelled MPIIGI sessions, leaving one session out",
}
DECIMALS = 4
SUBJECT_MISSING = "subject_missing"  # the fault of a subject whom a discovery leaves out whole


def number(value: float | None) -> str:
    """A number with fixed decimals, so that the CSV is the same bytes every time; "" where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.{DECIMALS}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def measured_row(
    measured: Measured, inputs: Inputs, metrics: Sequence[str], remarks: Sequence[str] = ()
) -> dict[str, str]:
    """One measured row of a table, as text; ``remarks`` come first in its note."""
    settings = inputs.settings
    experiment = measured.experiment
    row = {
        "method": settings["titles"][experiment.model] + ADAPTED * (experiment.variant == "adapt_mpiigi"),
        "source": "measured",
        "data": data_of(measured, settings),
        "weights": weights_of(measured, settings),
        "features": f"{experiment.source}: " + "+".join(experiment.features),
        "split": experiment.split,
    }
    for name in metrics:
        row |= score_cells(name, measured.cells.get(name, {}))
    own = [measured.cells[name] for name in experiment.cells if name in metrics]
    row["n_seeds"] = str(max(cell["n_seeds"] for cell in own))
    row["n_units"] = str(sum(cell["n_used"] for cell in own))
    row["n_expected"] = str(sum(cell["n_expected"] for cell in own))
    row["note"] = "; ".join([*remarks, *notes(measured, settings, metrics, inputs.faults)])
    return row


def score_cells(name: str, summary: Mapping[str, Any]) -> dict[str, str]:
    """The columns of one metric, of a summary row; empty for none."""
    keys = ("value", "sd", "low", "high")
    return {column: number(summary.get(key)) for column, key in zip(metric_columns(name), keys, strict=True)}


def data_of(measured: Measured, settings: Mapping[str, Any]) -> str:
    """``demo`` as soon as one of the row's corpora is one."""
    return "demo" if measured.corpora & set(settings["demo"]) else "real"


def weights_of(measured: Measured, settings: Mapping[str, Any]) -> str:
    """Of the encoders behind the features; owners' streams come from pretrained ones, the demo's do not."""
    read, demo = set(measured.experiment.features), data_of(measured, settings) == "demo"
    simulated = demo and bool(read & set(STREAM_KINDS))
    computed = bool(read - set(STREAM_KINDS))
    return "random" if simulated or (computed and settings["weights"] == "random") else "pretrained"


def notes(
    measured: Measured, settings: Mapping[str, Any], metrics: Sequence[str], faults: Sequence[Fault]
) -> list[str]:
    """What a reader must know about a measured row."""
    experiment = measured.experiment
    found = [
        scale_note(measured.corpora, settings, weights_of(measured, settings)),
        f"d={settings['d_model'][experiment.model]}",
    ]
    if data_of(measured, settings) == "demo" and set(experiment.features) & set(STREAM_KINDS):
        found.append("streams simulated")
    found.append(SELECTION[experiment.variant if experiment.variant in SELECTION else experiment.selection])
    for name in metrics:
        found += _cell_notes(name, measured, experiment)
    found += method_notes("recording", [measured.cells.get(name, {}) for name in metrics])
    return found + gap_notes(missing_units(measured), faults)


def scale_note(corpora: AbstractSet[str], settings: Mapping[str, Any], weights: str = "none") -> str:
    """A row's scale, and what else keeps it from speaking of the papers: random weights, demo data (of what)."""
    demo = sorted(corpora & set(settings["demo"]))
    partly = "" if set(demo) == corpora else f" ({', '.join(demo)})"
    found = [f"{settings['scale']} scale"]
    found += ["random weights"] if weights == "random" else []
    found += [f"demo data{partly}"] if demo else []
    text = ", ".join(found)
    return text if found == ["paper scale"] else f"{text}: says nothing about the papers' numbers"


def gap_notes(missing: Sequence[str], faults: Sequence[Fault]) -> list[str]:
    """What is missing from a row, who is not counted, and how many faults the data has, unexpected ones among them."""
    found = ["incomplete, without " + ", ".join(missing)] if missing else []
    lost = sorted(
        {f"{fault.corpus} {fault.participant}" for fault in faults if fault.code == SUBJECT_MISSING}
    )
    if lost:
        found.append(f"not counted, since no trial of theirs can be used: {', '.join(lost)}")
    if faults:
        found.append(f"{len(faults)} fault{'s' * (len(faults) != 1)} in the data, listed beside the table")
    unexpected = {
        (fault.corpus, fault.recording, fault.participant, fault.stream)
        for fault in faults
        if fault.code == UnexpectedError.code
    }
    if unexpected:
        found.append(f"{len(unexpected)} file{'s' * (len(unexpected) != 1)} with unexpected errors")
    return found


def _cell_notes(name: str, measured: Measured, experiment: Told) -> list[str]:
    cell = measured.cells.get(name)
    if cell is None:
        return [f"{name}: no {experiment.split} part of this experiment"]
    if cell["reason"]:
        return [f"{name}: {cell['reason']}"]
    if not math.isfinite(cell["value"]):
        return [f"{name}: CCC undefined (constant predictions and labels)"]
    if name not in experiment.cells:  # global, which is of several corpora
        return [] if has_interval(cell) else [f"{name}: no interval, since a corpus has none"]
    why = no_interval(cell, "recording")
    return [f"{name}: {why}"] if why else []


def has_interval(summary: Mapping[str, Any]) -> bool:
    """Whether a summary row, which may be empty, has an interval."""
    return math.isfinite(summary.get("low", math.nan))


def no_interval(summary: Mapping[str, Any], unit: str) -> str:
    """Why a number has no interval; "" where it has one."""
    if has_interval(summary):
        return ""
    count = summary["n_used"]
    if count < MIN_UNITS:
        few = f"few {unit}s, {count} of them whole"
        counted = few if summary.get("missing") else f"{count} {unit}{'s' * (count != 1)} only"
        return f"over {counted}, no interval below {MIN_UNITS}"
    return f"no interval, since the {unit}s are alike or it is undefined without one of them"


def method_notes(unit: str, summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the intervals among some numbers were made; nothing where there are none."""
    there = any(map(has_interval, summaries))
    return [f"95 % intervals: jackknife over {unit}s, Student's t"] if there else []
