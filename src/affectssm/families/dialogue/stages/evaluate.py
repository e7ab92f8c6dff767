"""From predictions to metrics.parquet: the only stage that opens test labels.

``level = run`` rows hold one seed's number, ``level = summary`` rows what a table prints: the mean over
seeds, its sd, the 95 % interval over recordings, and how many recordings were scored of how many expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.corpora.manifest import LABEL_HZ
from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import (
    Part,
    Run,
    files_of_labels,
    read_expected,
    read_labels,
    read_run,
)
from affectssm.evaluation.frame_scores import METRICS, Cell, score_cell, score_global
from affectssm.evaluation.intervals import NO_SCORE, Score, summarise
from affectssm.families.dialogue.run_settings import EvaluationSettings
from affectssm.families.dialogue.stages.cells import CELLS
from affectssm.families.dialogue.stages.frames import FRAMES
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet

SCHEMA = pa.schema(
    [
        ("level", pa.string()),  # run or summary
        ("experiment", pa.string()),
        ("fold", pa.string()),
        ("seed", pa.int64()),  # -1 in summaries
        ("cell", pa.string()),  # noxi_base, noxi_add, mpiigi, global
        ("corpus", pa.string()),
        ("split", pa.string()),
        ("metric", pa.string()),  # ccc or ccc_participant
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
GLOBAL = "global"
LABELS = (FRAMES.label, "engagement_test")


def evaluate(
    settings: EvaluationSettings,
    predictions: Sequence[Path],
    features: Sequence[Path],
    manifests: Sequence[Path],
    missing: Path,
    out: Path,
) -> None:
    """Score an experiment.

    Args:
        settings: of the evaluation.
        predictions: predictions.parquet of every seed.
        features: ``results/features/{corpus}-{edition}`` of all corpora; engagement and engagement_test are
            read.
        manifests: manifest.parquet of all corpora; they say which recordings are expected.
        missing: missing.parquet of the task: who could not be predicted, and why.
        out: metrics.parquet.

    Raises:
        DataError: when a seed is missing, doubled or unknown.
    """
    runs = ordered(settings, [read_run(path) for path in predictions], out)
    expected = read_expected(manifests, missing)
    label_files = files_of_labels(features, LABELS, expected.shards)
    truth = read_labels(label_files)
    wanted: dict[str, Part] = {name: CELLS[settings.split][name] for name in settings.cells}
    cells = {
        name: score_cell(
            part,
            expected,
            truth.get(part[0], {}),
            runs,
            settings.scorer,
            round(LABEL_HZ),  # a second
        )
        for name, part in wanted.items()
    }
    rows = [
        row for name, cell in cells.items() for row in cell_rows(settings, name, wanted[name], cell, runs)
    ]
    rows += _global_rows(settings, cells, runs)
    card = make_card(
        "evaluation/evaluate",
        ["affectssm.families.dialogue.stages.evaluate"],
        settings.told(),
        inputs=[*predictions, *label_files, *manifests, missing],
        runs=[read_card(path) for path in predictions],
    )
    write_parquet(out, {name: [row[name] for row in rows] for name in SCHEMA.names}, SCHEMA, card)


def ordered(settings: EvaluationSettings, runs: list[Run], out: Path) -> list[Run]:
    """Return the runs in the order of the configured seeds.

    Raises:
        DataError: when a seed is missing, doubled or unknown; ``out`` is named.
    """
    found = sorted(run.seed for run in runs)
    if found != sorted(settings.seeds):
        raise DataError(
            out,
            f"predictions of seeds {found}",
            f"seeds {sorted(settings.seeds)}",
            "train the missing seeds",
        )
    return sorted(runs, key=lambda run: run.seed)


def cell_rows(
    settings: EvaluationSettings, name: str, part: Part, cell: Cell, runs: Sequence[Run]
) -> list[dict[str, Any]]:
    """Return the rows of a cell of this name: by metric one a seed, and their summary."""
    rows = []
    for metric in METRICS:
        per_seed = cell.values(metric) if not cell.reason else [float("nan")] * len(runs)
        score = summarise(per_seed, cell.interval(metric)) if not cell.reason else NO_SCORE
        shared = {
            "experiment": settings.experiment,
            "cell": name,
            "corpus": part[0],
            "split": part[1],
            "metric": metric,
            "n_used": cell.n_whole,
            "n_expected": cell.n_expected,
            "missing": [str(gap) for gap in cell.missing],
            "reason": cell.reason,
        }
        rows += _rows(shared, per_seed, score, runs)
    return rows


def _global_rows(
    settings: EvaluationSettings, cells: Mapping[str, Cell], runs: Sequence[Run]
) -> list[dict[str, Any]]:
    """Global needs all three corpora; what is missing from one is missing from it."""
    absent = [name for name in CELLS["test"] if name not in cells or cells[name].reason]
    reason = f"global needs {', '.join(absent)}" if absent else ""
    rows = []
    for metric in METRICS:
        per_seed, score = [float("nan")] * len(runs), NO_SCORE
        if not reason:
            per_seed, score = score_global(list(cells.values()), metric)
        shared = {
            "experiment": settings.experiment,
            "cell": GLOBAL,
            "corpus": GLOBAL,
            "split": settings.split,
            "metric": metric,
            "n_used": sum(cell.n_whole for cell in cells.values()),
            "n_expected": sum(cell.n_expected for cell in cells.values()),
            "missing": sorted({f"{name}: {unit}" for name, cell in cells.items() for unit in cell.missing}),
            "reason": reason,
        }
        rows += _rows(shared, per_seed, score, runs)
    return rows


def _rows(
    shared: Mapping[str, Any], per_seed: Sequence[float], score: Score, runs: Sequence[Run]
) -> list[dict[str, Any]]:
    nan = float("nan")
    own = [
        {**shared, "level": "run", "fold": run.fold, "seed": run.seed, "value": value, "n_seeds": 1}
        | {"sd": nan, "low": nan, "high": nan}
        for run, value in zip(runs, per_seed, strict=True)
    ]
    folds = "+".join(sorted({run.fold for run in runs}))
    summary = {**shared, "level": "summary", "fold": folds, "seed": -1, "n_seeds": len(runs), **vars(score)}
    return [*own, summary]
