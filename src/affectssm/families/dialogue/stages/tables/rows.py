"""Rows of experiments on dialogues, described so that nothing is passed off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from affectssm.families.dialogue.stages.tables.measured import Measured, Told, missing_units
from affectssm.store.faults import Fault
from affectssm.tables.page import Inputs
from affectssm.tables.rows import (
    counts_of,
    gap_notes,
    has_interval,
    method_notes,
    no_interval,
    scale_note,
    score_cells,
)
from affectssm.vocabulary.kinds import STREAM_KINDS

ADAPTED = ", adapted to MPIIGI"
SELECTION = {
    "val": "epoch selected on NoXi val",
    "holdout": "epoch selected on held-out training sessions",
    "adapt_mpiigi": "adapted on labelled MPIIGI sessions, leaving one session out",
}


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
    row |= counts_of([measured.cells[name] for name in experiment.cells if name in metrics])
    row["note"] = "; ".join([*remarks, *notes(measured, settings, metrics, inputs.faults)])
    return row


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
