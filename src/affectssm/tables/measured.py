"""Rows of a table that were computed here, described so that nothing is passed off."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.evaluation.cells import CELLS
from affectssm.features.registry import GROUPS
from affectssm.store.parquet import read_parquet, read_parquet_card
from affectssm.training.experiments import Experiment, parse_experiment

NAMES = {"da_mamba": "DA-Mamba", "dat": "DAT"}
ADAPTED = ", adapted to MPIIGI"
SELECTION = {
    "val": "epoch selected on NoXi val",
    "holdout": "epoch selected on held-out training sessions",
    "adapt_mpiigi": "adapted on labelled MPIIGI sessions, leaving one session out",
}
FEW_UNITS = 5
DECIMALS = 4


@dataclass(frozen=True)
class Measured:
    """An experiment's summaries: cell -> row of metrics.parquet; and the card of that file."""

    experiment: Experiment
    cells: Mapping[str, Mapping[str, Any]]
    card: Mapping[str, Any]

    @property
    def corpora(self) -> set[str]:
        """The corpora this row has cells for."""
        parts = CELLS[self.experiment.split]
        return {parts[name][0] for name in self.experiment.cells}


def read_measured(path: Path, metric: str = "ccc") -> Measured:
    """Read the summaries of one experiment.

    Raises:
        DataError: when the file is no metrics file.
    """
    rows = read_parquet(path).to_pylist()
    summaries = [row for row in rows if row["level"] == "summary" and row["metric"] == metric]
    card = read_parquet_card(path)
    if not summaries or card is None:
        raise DataError(path, "no summary rows", "metrics.parquet of an experiment", "run evaluate again")
    experiment = parse_experiment(summaries[0]["experiment"])
    return Measured(experiment, {row["cell"]: row for row in summaries}, card)


def read_all(paths: Iterable[Path], names: Sequence[str], where: Path) -> list[Measured]:
    """Read the metrics of the experiments ``names``, in that order.

    Raises:
        DataError: when one is absent.
    """
    found = {measured.experiment.name: measured for measured in map(read_measured, paths)}
    absent = [name for name in names if name not in found]
    if absent:
        raise DataError(where, f"no metrics of {', '.join(absent)}", "one of each experiment", "run evaluate")
    return [found[name] for name in names]


def require_complete(rows: Iterable[Measured], allow_incomplete: bool, where: Path) -> None:
    """Refuse a table with missing units unless the configuration allows it."""
    gaps = [f"{m.experiment.name}: {', '.join(units)}" for m in rows if (units := missing_units(m))]
    if gaps and not allow_incomplete:
        raise DataError(
            where,
            "missing units: " + "; ".join(gaps),
            "every recording of the manifests scored",
            "mend the recordings (the fault tables say what is wrong), or set tables.allow_incomplete: true",
        )


def missing_units(measured: Measured) -> list[str]:
    """What is missing from the cells that have numbers, by name."""
    return [
        f"{name} {unit}" for name in measured.experiment.cells for unit in measured.cells[name]["missing"]
    ]


def number(value: float | None) -> str:
    """A number with fixed decimals, so that the CSV is the same bytes every time; "" where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.{DECIMALS}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def metric_columns(name: str) -> list[str]:
    """The columns of one metric: value, sd, low, high."""
    return [name, f"{name}_sd", f"{name}_low", f"{name}_high"]


def measured_row(
    measured: Measured, settings: Mapping[str, Any], metrics: Sequence[str], faults: int
) -> dict[str, str]:
    """One measured row of a table, as text."""
    experiment = measured.experiment
    groups = GROUPS[experiment.source]
    row = {
        "method": NAMES[experiment.model] + ADAPTED * (experiment.variant == "adapt_mpiigi"),
        "source": "measured",
        "data": data_of(measured, settings),
        "weights": weights_of(measured, settings),
        "features": f"{experiment.source}: " + "+".join(f for group in groups.values() for f in group),
        "split": experiment.split,
    }
    for name in metrics:
        cell = measured.cells.get(name, {})
        for column, key in zip(metric_columns(name), ("value", "sd", "low", "high"), strict=True):
            row[column] = number(cell.get(key))
    own = [measured.cells[name] for name in experiment.cells if name in metrics]
    row["n_seeds"] = str(max(cell["n_seeds"] for cell in own))
    row["n_units"] = str(sum(cell["n_used"] for cell in own))
    row["n_expected"] = str(sum(cell["n_expected"] for cell in own))
    row["note"] = "; ".join(notes(measured, settings, metrics, faults))
    return row


def data_of(measured: Measured, settings: Mapping[str, Any]) -> str:
    """``demo`` as soon as one of the row's corpora is one."""
    return "demo" if measured.corpora & set(settings["demo"]) else "real"


def weights_of(measured: Measured, settings: Mapping[str, Any]) -> str:
    """Of the encoders behind the features; owners' streams come from pretrained ones, the demo's do not."""
    if measured.experiment.source == "extracted":
        return settings["weights"]
    return "random" if data_of(measured, settings) == "demo" else "pretrained"


def notes(measured: Measured, settings: Mapping[str, Any], metrics: Sequence[str], faults: int) -> list[str]:
    """What a reader must know about a measured row."""
    experiment = measured.experiment
    found = [f"{settings['scale']} scale, d={settings['d_model'][experiment.model]}"]
    demo = sorted(measured.corpora & set(settings["demo"]))
    if demo:
        partly = "" if set(demo) == measured.corpora else f" ({', '.join(demo)})"
        found.append(f"demo data{partly}: says nothing about the papers' numbers")
        if experiment.source == "multimediate":
            found.append("streams simulated")
    found.append(SELECTION[experiment.variant if experiment.variant in SELECTION else experiment.selection])
    for name in metrics:
        found += _cell_notes(name, measured, experiment)
    if gaps := missing_units(measured):
        found.append("incomplete, without " + ", ".join(gaps))
    if faults:
        found.append(f"{faults} faults in the data, listed beside the table")
    return found


def _cell_notes(name: str, measured: Measured, experiment: Experiment) -> list[str]:
    cell = measured.cells.get(name)
    if cell is None:
        return [f"{name}: no {experiment.split} part of this experiment"]
    if cell["reason"]:
        return [f"{name}: {cell['reason']}"]
    if not math.isfinite(cell["value"]):
        return [f"{name}: CCC undefined (constant predictions and labels)"]
    few = name in experiment.cells and cell["n_used"] < FEW_UNITS
    return [f"{name}: over {cell['n_used']} recording{'s' * (cell['n_used'] != 1)} only"] if few else []
