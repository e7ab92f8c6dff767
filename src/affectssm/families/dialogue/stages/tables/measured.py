"""What was measured: the metrics of experiments as a table reads them, and whether they are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectssm.families.dialogue.stages.cells import CELLS
from affectssm.tables.frame_measured import read_scores
from affectssm.tables.measured import in_order, require_complete
from affectssm.tables.page import Inputs


@dataclass(frozen=True)
class Told:
    """An experiment, as the settings of a table describe it.

    Attributes:
        name: of the experiment.
        model: its model.
        variant: what is changed of it; "" for nothing.
        source: of its features.
        selection: val or holdout, what selects its epoch.
        split: test or val, what is reported.
        cells: the columns it has predictions for.
        features: that it reads, audio before visual.
    """

    name: str
    model: str
    variant: str
    source: str
    selection: str
    split: str
    cells: Sequence[str]
    features: Sequence[str]


@dataclass(frozen=True)
class Measured:
    """An experiment's metrics.

    Attributes:
        cells: cell -> its summary row.
        by_seed: cell -> seed -> value.
        card: of the metrics file.
    """

    experiment: Told
    cells: Mapping[str, Mapping[str, Any]]
    by_seed: Mapping[str, Mapping[int, float]]
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.experiment.name

    @property
    def corpora(self) -> set[str]:
        """The corpora this row has cells for."""
        parts = CELLS[self.experiment.split]
        return {parts[name][0] for name in self.experiment.cells}


def read_measured(path: Path, settings: Mapping[str, Any], metric: str = "ccc") -> Measured:
    """Read the metrics of one experiment.

    Raises:
        DataError: when the file is no metrics file, or one of an experiment that the table is not made of.
    """
    found = read_scores(path, settings)
    cells = {cell: row for (cell, own), row in found.summaries.items() if own == metric}
    by_seed = {cell: seeds for (cell, own), seeds in found.by_seed.items() if own == metric}
    return Measured(Told(found.name, **found.described), cells, by_seed, found.card)


def read_experiments(inputs: Inputs) -> list[Measured]:
    """Read the metrics of a table's experiments, in the order of its rows.

    Raises:
        DataError: when one is absent, or when units are missing and the settings do not allow it.
    """
    found = [read_measured(path, inputs.settings) for path in inputs.files]
    rows = in_order({one.experiment.name: one for one in found}, inputs)
    require_complete({one.experiment.name: missing_units(one) for one in rows}, inputs, "recording")
    return rows


def missing_units(measured: Measured) -> list[str]:
    """What is missing from the cells that have numbers, by name."""
    return [
        f"{name} {unit}" for name in measured.experiment.cells for unit in measured.cells[name]["missing"]
    ]
