"""What was measured on clips: the metrics of experiments as a table reads them, and their paired differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.errors import DataError
from affectssm.evaluation.intervals import jackknife_interval
from affectssm.store.parquet import read_parquet, read_parquet_card
from affectssm.tables.measured import described_in, in_order, require_complete
from affectssm.tables.page import Inputs
from affectssm.tables.provenance import core

Where = tuple[str, str]
"""What was left out at test ("" for nothing), and the metric."""
COMPARED = "coupled_mamba"  # whose difference from every other row a table tells
DESCRIBED = ("model", "variant", "corpus", "source", "task")


@dataclass(frozen=True)
class Measured:
    """An experiment's metrics.

    Attributes:
        name: of the experiment.
        model, variant, corpus, source, task: what it is; ``variant`` "" is the model as configured.
        summaries: its summary rows.
        by_seed: seed -> value.
        without: source video -> the mean over seeds without it.
        card: of the metrics file.
    """

    name: str
    model: str
    variant: str
    corpus: str
    source: str
    task: str
    summaries: Mapping[Where, Mapping[str, Any]]
    by_seed: Mapping[Where, Mapping[int, float]]
    without: Mapping[Where, Mapping[str, float]]
    card: Mapping[str, Any]

    def of(self, left_out: str) -> dict[str, Mapping[str, Any]]:
        """Metric -> summary row."""
        return {metric: row for (way, metric), row in self.summaries.items() if way == left_out}

    @property
    def left_out(self) -> list[str]:
        """What was left out at test, besides nothing."""
        return sorted({way for way, _ in self.summaries} - {""})

    @property
    def missing(self) -> list[str]:
        """The clips that were not answered."""
        return sorted({clip for row in self.summaries.values() for clip in row["missing"]})


def read_experiments(inputs: Inputs) -> list[Measured]:
    """Read the metrics of a table's experiments, in the order of the settings.

    Raises:
        DataError: when a file is no metrics file, an experiment is absent, or clips are missing and the settings do not
            allow it.
    """
    found = [_read(path, inputs.settings) for path in inputs.files]
    rows: list[Measured] = in_order({one.name: one for one in found}, inputs)
    require_complete({one.name: one.missing for one in rows}, inputs, "clip")
    return rows


def _read(path: Path, settings: Mapping[str, Any]) -> Measured:
    summaries: dict[Where, Mapping[str, Any]] = {}
    by_seed: dict[Where, dict[int, float]] = defaultdict(dict)
    without: dict[Where, dict[str, float]] = defaultdict(dict)
    for row in read_parquet(path).to_pylist():
        where = row["left_out"], row["metric"]
        if row["level"] == "summary":
            summaries[where] = row
        elif row["level"] == "run":
            by_seed[where][row["seed"]] = row["value"]
        else:
            without[where][row["group"]] = row["value"]
    card = read_parquet_card(path)
    if card is None or not summaries:
        raise DataError(path, "no summary rows", "metrics of an experiment on clips", "evaluate again")
    name, told = described_in(path, next(iter(summaries.values())), settings)
    own = {key: told[key] for key in DESCRIBED}
    return Measured(name, **own, summaries=summaries, by_seed=by_seed, without=without, card=card)


def compared_with(one: Measured, measured: Sequence[Measured]) -> Measured | None:
    """Return what a row is compared with: Coupled Mamba as configured, on the same clips and features."""

    def learnt(other: Measured) -> tuple[str, ...]:
        return other.corpus, other.source, other.task

    whole = (other for other in measured if (other.model, other.variant) == (COMPARED, ""))
    return next((other for other in whole if learnt(other) == learnt(one)), None)


def difference(one: Measured, base: Measured, where: Where) -> dict[str, float]:
    """Return a metric of one less that of the base with nothing left out, and its 95 % interval, paired by video.

    Returns:
        ``value``, ``low``, ``high``; empty where they did not answer the same clips.
    """
    plain = "", where[1]
    own, other = one.summaries[where], base.summaries[plain]
    videos = sorted(one.without[where])
    if videos != sorted(base.without[plain]) or own["missing"] != other["missing"]:
        return {}
    value = own["value"] - other["value"]
    left = np.array([one.without[where][video] - base.without[plain][video] for video in videos])
    interval = jackknife_interval(value, [left])
    return {"value": value, "low": interval.low, "high": interval.high}


def origins_of(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Where each experiment comes from, for the provenance file; a run trains some seeds."""
    return [
        {
            "experiment": one.name,
            "seeds": list(one.card["settings"]["seeds"]),
            "evaluation": core(one.card),
            "runs": [core(card) for card in one.card["extra"]["runs"] if card],
        }
        for one in measured
    ]
