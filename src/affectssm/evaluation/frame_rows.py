"""metrics.parquet of labels per frame: what the scores of cells are as rows.

``level = run`` rows hold one seed's number, ``level = summary`` rows what a table prints: the mean over
seeds, its sd, the 95 % interval over recordings, and how many recordings were scored of how many expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import Part, Run
from affectssm.evaluation.frame_scores import Cell
from affectssm.evaluation.intervals import NO_SCORE, Score, summarise
from affectssm.store.parquet import write_parquet

SCHEMA = pa.schema(
    [
        ("level", pa.string()),  # run or summary
        ("experiment", pa.string()),
        ("fold", pa.string()),
        ("seed", pa.int64()),  # -1 in summaries
        ("cell", pa.string()),  # a column or a row of the table
        ("corpus", pa.string()),
        ("split", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("sd", pa.float64()),  # over seeds, n - 1
        ("low", pa.float64()),  # 95 % interval over recordings (intervals.py); NaN for none
        ("high", pa.float64()),
        ("n_seeds", pa.int64()),
        ("n_used", pa.int64()),  # recordings, scored with all their participants
        ("n_expected", pa.int64()),
        ("missing", pa.list_(pa.string())),
        ("reason", pa.string()),  # why there is no number
    ]
)


def ordered(runs: Iterable[Run], seeds: Sequence[int], out: Path) -> list[Run]:
    """Return runs in the order of the configured seeds.

    Raises:
        DataError: when a seed is missing, doubled or unknown; ``out`` is named.
    """
    own = sorted(runs, key=lambda run: run.seed)
    if (found := [run.seed for run in own]) != sorted(seeds):
        raise DataError(
            out, f"predictions of seeds {found}", f"seeds {sorted(seeds)}", "train the missing seeds"
        )
    return own


def cell_rows(
    experiment: str, name: str, part: Part, cell: Cell, runs: Sequence[Run], metrics: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the rows of a cell of this name: by metric one a seed, and their summary.

    Args:
        experiment, name, part: of the cell.
        cell: its scores.
        runs: one a seed.
        metrics: a metric of the cell -> what the rows call it.
    """
    rows = []
    for metric, called in metrics.items():
        per_seed = cell.values(metric) if not cell.reason else [float("nan")] * len(runs)
        score = summarise(per_seed, cell.interval(metric)) if not cell.reason else NO_SCORE
        shared = {
            "experiment": experiment,
            "cell": name,
            "corpus": part[0],
            "split": part[1],
            "metric": called,
            "n_used": cell.n_whole,
            "n_expected": cell.n_expected,
            "missing": [str(gap) for gap in cell.missing],
            "reason": cell.reason,
        }
        rows += seed_rows(shared, per_seed, score, runs)
    return rows


def seed_rows(
    shared: Mapping[str, Any], per_seed: Sequence[float], score: Score, runs: Sequence[Run]
) -> list[dict[str, Any]]:
    """Return a row a seed and their summary, with what all of them share."""
    nan = float("nan")
    own = [
        {**shared, "level": "run", "fold": run.fold, "seed": run.seed, "value": value, "n_seeds": 1}
        | {"sd": nan, "low": nan, "high": nan}
        for run, value in zip(runs, per_seed, strict=True)
    ]
    folds = "+".join(sorted({run.fold for run in runs}))
    summary = {**shared, "level": "summary", "fold": folds, "seed": -1, "n_seeds": len(runs), **vars(score)}
    return [*own, summary]


def write_metrics(path: Path, rows: Sequence[Mapping[str, Any]], card: Mapping[str, Any]) -> None:
    """Write metrics.parquet."""
    write_parquet(path, {name: [row[name] for row in rows] for name in SCHEMA.names}, SCHEMA, card)
