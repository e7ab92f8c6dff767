"""What was measured on trials: the metrics of experiments as a table reads them, and whether they are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from affectssm.errors import DataError
from affectssm.store.parquet import read_parquet, read_parquet_card
from affectssm.tables.measured import described_in, in_order, require_complete
from affectssm.tables.page import Inputs
from affectssm.tables.provenance import core, origins

Row = Mapping[str, Any]
LEVELS = ("summary", "streams", "masks")
MEAN = "mean"  # in place of a ratio: over the ratios, or without adaptation


@dataclass(frozen=True)
class Told:
    """An experiment on trials, as the settings of a table describe it.

    Attributes:
        name: of the experiment.
        model: its model.
        variant: what is changed of it; "" for nothing.
        corpus: whose trials.
        target: the column of a table it fills, ``{corpus}_{dimension}``.
    """

    name: str
    model: str
    variant: str
    corpus: str
    target: str


@dataclass(frozen=True)
class Measured:
    """An experiment's metrics.

    Attributes:
        summaries: (metric, method, pattern, ratio as text or MEAN) -> its summary row.
        streams: (method, pattern) -> what the streams did, by name.
        shares: (pattern, ratio as text) -> share of the units that was really missing.
        card: of the metrics file.
    """

    experiment: Told
    summaries: Mapping[tuple[str, str, str, str], Row]
    streams: Mapping[tuple[str, str], Mapping[str, float]]
    shares: Mapping[tuple[str, str], float]
    card: Mapping[str, Any]

    def summary(self, metric: str, method: str = "", pattern: str = "", ratio: float | None = None) -> Row:
        """A summary row; empty where there is none. Without a ratio: the mean over them."""
        return self.summaries.get((metric, method, pattern, ratio_text(ratio)), {})

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.experiment.name

    @property
    def missing(self) -> list[str]:
        """What is missing, by name, over all cells."""
        return sorted({unit for row in self.summaries.values() for unit in row["missing"]})

    @property
    def choice(self) -> Mapping[str, Any]:
        """What an adaptation's constants were chosen to be, and on whom."""
        return self.card["extra"].get("chosen", {})


def ratio_text(ratio: float | None) -> str:
    """A ratio as it stands in names of columns and files; MEAN for none or NaN."""
    return MEAN if ratio is None or ratio != ratio else f"{ratio:g}"


def read_experiments(inputs: Inputs) -> list[Measured]:
    """Read the metrics of a table's experiments, in the order of the settings.

    Raises:
        DataError: when a file is no metrics file, an experiment is absent, or subjects are missing and the settings do
            not allow it.
    """
    rows = in_order(
        {one.experiment.name: one for one in (_read(path, inputs.settings) for path in inputs.files)}, inputs
    )
    require_complete({one.experiment.name: one.missing for one in rows}, inputs, "subject")
    return rows


def _read(path: Path, settings: Mapping[str, Any]) -> Measured:
    table, card = read_parquet(path), read_parquet_card(path)
    rows = table.filter(pc.is_in(table["level"], pa.array(LEVELS))).to_pylist()
    summaries = [row for row in rows if row["level"] == "summary"]
    if card is None or not summaries:
        raise DataError(path, "no summary rows", "metrics of an experiment on trials", "evaluate again")
    streams: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row["level"] == "streams":
            streams.setdefault((row["method"], row["pattern"]), {})[row["metric"]] = row["value"]
    name, described = described_in(path, summaries[0], settings)
    return Measured(
        Told(name, **described),
        {(r["metric"], r["method"], r["pattern"], ratio_text(r["ratio"])): r for r in summaries},
        streams,
        {(r["pattern"], ratio_text(r["ratio"])): r["value"] for r in rows if r["level"] == "masks"},
        card,
    )


def by_target(measured: Sequence[Measured]) -> dict[tuple[str, str], dict[str, Measured]]:
    """(model, variant) -> target -> metrics: what stands in one row of a table."""
    found: dict[tuple[str, str], dict[str, Measured]] = {}
    for one in measured:
        experiment = one.experiment
        found.setdefault((experiment.model, experiment.variant), {})[experiment.target] = one
    return found


def origins_of(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Where each experiment comes from: its runs are parts, of which each seed has several."""
    return [row | {"seeds": sorted(set(row["seeds"]))} for row in origins(measured, _of_part)]


def _of_part(card: Mapping[str, Any]) -> dict[str, Any]:
    """A part's answers, with the card of its training inside where that is another one (adaptation)."""
    training = card["extra"].get("run")
    found = {"part": card["extra"].get("part", ""), "seed": card["settings"]["seed"], "answers": core(card)}
    return found | ({"training": core(training)} if training else {})
