"""Metrics of labels per frame as tables read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.store.parquet import read_parquet, read_parquet_card
from affectssm.tables.measured import described_in

Where = tuple[str, str]  # cell, metric


@dataclass(frozen=True)
class Scores:
    """An experiment's metrics.

    Attributes:
        name: of the experiment.
        described: what the table is told of it.
        summaries: (cell, metric) -> its summary row.
        by_seed: (cell, metric) -> seed -> value.
        card: of the metrics file.
        path: of the metrics file.
    """

    name: str
    described: Mapping[str, Any]
    summaries: Mapping[Where, Mapping[str, Any]]
    by_seed: Mapping[Where, Mapping[int, float]]
    card: Mapping[str, Any]
    path: Path


def read_scores(path: Path, settings: Mapping[str, Any]) -> Scores:
    """Read the metrics of one experiment.

    Raises:
        DataError: when the file is no metrics file, or one of an experiment that the table is not made of.
    """
    rows = read_parquet(path).to_pylist()
    summaries = {(row["cell"], row["metric"]): row for row in rows if row["level"] == "summary"}
    card = read_parquet_card(path)
    if not summaries or card is None:
        raise DataError(path, "no summary rows", "metrics.parquet of an experiment", "run evaluate again")
    by_seed: dict[Where, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row["level"] == "run":
            by_seed[row["cell"], row["metric"]][row["seed"]] = row["value"]
    name, described = described_in(path, next(iter(summaries.values())), settings)
    return Scores(name, described, summaries, dict(by_seed), card, path)
