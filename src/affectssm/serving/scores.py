"""Scores of runs on data that they did not learn from, as the evaluation of their experiments wrote them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.serving.run_facts import RunFacts

_SCORED = ("seeds-*.parquet", "items-*.parquet")


@dataclass(frozen=True)
class HeldOut:
    """A score on data that a run did not learn from.

    Attributes:
        cell: of a table; "" where it has none.
        corpus, split: of what.
        metric: which.
        value: the score.
        n, of: units that were scored, of how many.
        seed: of the run.
        parts: the parts over whose test data, each answered by a run of its own, the value is pooled, where they are
            more than the run's own.
    """

    cell: str
    corpus: str
    split: str
    metric: str
    value: float
    n: int
    of: int
    seed: int
    parts: str = ""


def scores_of(run: RunFacts, metrics: Mapping[str, list[dict[str, Any]]] | None = None) -> list[HeldOut]:
    """Return a run's scores on held-out data, as the evaluation of its experiment wrote them; empty where none did.

    Args:
        run: the run.
        metrics: rows by the experiment's folder, as :func:`metrics_of` returns them, where they were read before.
    """
    results = run.path.parents[2 if not run.part else 3]
    rows = (metrics or {}).get(run.name)
    found: dict[tuple[str, str, str, str, int, str], HeldOut] = {}
    for row in metrics_of(results, run.name) if rows is None else rows:
        if (score := _of_run(row, run)) is not None:
            # of a run that was trained again between two evaluations the last one's counts
            found[score.cell, score.corpus, score.split, score.metric, score.seed, score.parts] = score
    return list(found.values())


def _of_run(row: Mapping[str, Any], run: RunFacts) -> HeldOut | None:
    """A row of the metrics as a score of a run; None where it is another's, or no number."""
    fold, value = row.get("fold") or run.part, row.get("value")
    if row.get("seed") not in run.seeds or (run.part and run.part not in fold.split("+")):
        return None
    if value is None or not math.isfinite(value):
        return None
    cell, corpus, split, metric = (str(row.get(name) or "") for name in ("cell", "corpus", "split", "metric"))
    n, of = (int(row.get(name) or 0) for name in ("n_used", "n_expected"))
    parts = fold if fold != run.part else ""
    return HeldOut(cell, corpus, split, metric, float(value), n, of, int(row["seed"]), parts)


def metrics_of(results: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of the seeds of an experiment, of all of its evaluations, the last one's last."""
    from affectssm.store.parquet import read_parquet

    rows: list[dict[str, Any]] = []
    folder = results / "metrics" / name
    files = [path for pattern in _SCORED for path in folder.glob(pattern)]
    for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path.name)):
        try:
            table = read_parquet(path)
        except DataError:
            continue  # an evaluation that is being written; its runs are listed without it
        if "level" in table.column_names:
            rows += [row for row in table.to_pylist() if row["level"] == "run"]
    return rows
