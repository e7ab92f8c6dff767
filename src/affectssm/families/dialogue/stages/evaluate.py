"""From predictions to metrics.parquet: the only stage that opens test labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.corpora.manifest import LABEL_HZ
from affectssm.evaluation.frame_reading import (
    Part,
    Run,
    files_of_labels,
    read_expected,
    read_labels,
    read_run,
)
from affectssm.evaluation.frame_rows import cell_rows, ordered, seed_rows, write_metrics
from affectssm.evaluation.frame_scores import METRICS, Cell, score_cell, score_global
from affectssm.evaluation.intervals import NO_SCORE
from affectssm.families.dialogue.run_settings import EvaluationSettings
from affectssm.families.dialogue.stages.cells import CELLS
from affectssm.families.dialogue.stages.frames import FRAMES
from affectssm.store.card import make_card, read_card

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
    runs = ordered([read_run(path) for path in predictions], settings.seeds, out)
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
    named = dict(zip(METRICS, METRICS, strict=True))
    rows = [
        row
        for name, cell in cells.items()
        for row in cell_rows(settings.experiment, name, wanted[name], cell, runs, named)
    ]
    rows += _global_rows(settings, cells, runs)
    card = make_card(
        "evaluation/evaluate",
        ["affectssm.families.dialogue.stages.evaluate"],
        settings.told(),
        inputs=[*predictions, *label_files, *manifests, missing],
        runs=[read_card(path) for path in predictions],
    )
    write_metrics(out, rows, card)


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
        rows += seed_rows(shared, per_seed, score, runs)
    return rows
