"""From answers to recordings as a whole to metrics; the only stage that opens labels of test parts.

Of a label: CCC, Pearson's correlation, mean absolute error and RMSE, over all items that are reported; of classes:
accuracy and weighted F1. Beside them stands what the best answer that is the same for all items would score. Intervals
are over recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import DataError
from affectssm.evaluation.frame_reading import Run
from affectssm.evaluation.frame_rows import write_metrics
from affectssm.families.clips.stages.metrics import _accuracy, _confusion, _weighted_f1, without
from affectssm.families.recordings.run_settings import ItemEvaluationSettings
from affectssm.families.recordings.stages.folds import divide, groups_of
from affectssm.families.recordings.stages.frames import CORPUS
from affectssm.families.recordings.stages.items import KIND, classes_of, labelled, outputs_of, read_labels
from affectssm.families.recordings.stages.scores import (
    ACCURACY,
    AVERAGE,
    AVERAGED,
    BOUNDS,
    CCC,
    CLASSIFICATION,
    CONSTANT,
    F1,
    MAE,
    NOTHING,
    PEARSON,
    REGRESSION,
    RMSE,
    Scored,
    metric_rows,
    pearson_of,
    rmse_of,
)
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet
from affectssm.training.agreement import ccc_of_moments

Array = NDArray[np.float64]
REPORTED = "reported"


def evaluate(
    settings: ItemEvaluationSettings,
    predictions: Sequence[Path],
    features: Sequence[Path],
    manifest: Path,
    out: Path,
) -> None:
    """Score an experiment.

    Args:
        settings: of the evaluation.
        predictions: predictions.parquet, of some seeds each.
        features: ``results/features/{corpus}-{edition}`` of the corpus; its labels are read.
        manifest: manifest.parquet of the corpus; it says who has a label.
        out: metrics.parquet.

    Raises:
        DataError: when a seed is missing or unknown, or an item is answered twice.
    """
    rows = read_manifest(manifest)
    parts = divide(groups_of(rows, KIND), settings.folds, str(manifest))
    reported = {recording for part in parts.values() for recording in part.report}
    expected = {name: row.recording for name, row in labelled(rows).items() if row.recording in reported}
    truth = read_labels(settings, features, rows, tests=True)
    answers, diverged = read_answers(settings, predictions, out)
    gaps = {name: "no valid label" for name in expected if name not in truth}
    gaps |= {name: "no media that can be used" for name in expected if name in truth and name not in answers}
    names = sorted(name for name in expected if name not in gaps)
    lacking = {expected[name] for name in gaps}
    shared = {
        "experiment": settings.experiment,
        "cell": REPORTED,
        "corpus": CORPUS,
        "split": REPORTED,
        "n_used": len(set(expected.values()) - lacking),
        "n_expected": len(set(expected.values())),
        "missing": sorted(f"{name} ({why})" for name, why in gaps.items()),
    }
    runs = [Run("+".join(parts), seed, {}) for seed in sorted(settings.seeds)]
    why = "nothing to score" if not names else diverged
    scores, constants = _scored(settings, names, answers, truth, expected)
    found: list[dict[str, Any]] = []
    for metric, one in scores.items():
        found += metric_rows({**shared, "metric": metric}, one, runs, BOUNDS[metric.rpartition("_")[2]], why)
    for metric, constant in constants.items():
        one = Scored([constant] * len(runs), np.zeros(0))
        found += metric_rows({**shared, "metric": metric}, one, runs, (0.0, np.inf), "")
    card = make_card(
        "recordings/evaluate-items",
        [__name__],
        settings.told(),
        inputs=[*predictions, manifest],
        runs=[read_card(path) for path in predictions],
    )
    write_metrics(out, found, card)


def _scored(
    settings: ItemEvaluationSettings,
    names: Sequence[str],
    answers: Mapping[str, Array],
    truth: Mapping[str, Array],
    recordings: Mapping[str, str],
) -> tuple[Mapping[str, Scored], Mapping[str, float]]:
    """Return the scores of items by metric, and those of the best constant answers."""
    if not names:
        metrics = [f"{name}_{metric}" for name in settings.columns for metric in _metrics(settings)]
        return dict.fromkeys(metrics, NOTHING), {}
    value = np.stack([answers[name] for name in names], axis=1)  # (seeds, items, outputs)
    label = np.stack([truth[name] for name in names])
    units, unit = np.unique([recordings[name] for name in names], return_inverse=True)
    return scores_of(settings, value, label, unit, len(units)), constants_of(settings, label)


def _metrics(settings: ItemEvaluationSettings) -> tuple[str, ...]:
    return CLASSIFICATION if settings.task == "classification" else REGRESSION


def read_answers(
    settings: ItemEvaluationSettings, files: Sequence[Path], out: Path
) -> tuple[dict[str, Array], str]:
    """Return the answers to each item, (seeds, outputs), seeds rising, and why some are NaN ("" where none is).

    Raises:
        DataError: when a seed is missing or unknown, or an item was answered by a seed more than once.
    """
    seeds, columns = sorted(settings.seeds), outputs_of(settings)
    table = pa.concat_tables([read_parquet(path) for path in files])
    found: dict[str, Array] = {}
    seen: set[tuple[str, int]] = set()
    why = ""
    if len(table) and sorted(set(table["seed"].to_pylist())) != seeds:
        raise DataError(
            out, f"answers of seeds {sorted(set(table['seed'].to_pylist()))}", f"seeds {seeds}", "train again"
        )
    for row in table.to_pylist():
        key = row["item"], row["seed"]
        if key in seen:
            raise DataError(
                out, f"{row['item']} answered twice with seed {row['seed']}", "once", "train again"
            )
        seen.add(key)
        why = why or row["reason"]
        own = found.setdefault(row["item"], np.full((len(seeds), len(columns)), np.nan))
        own[seeds.index(row["seed"])] = [row[name] for name in columns]
    return found, why


def scores_of(
    settings: ItemEvaluationSettings, value: Array, label: Array, unit: NDArray[np.int64], units: int
) -> dict[str, Scored]:
    """Return ``{label}_{metric}`` -> the score of every seed, and its mean over seeds without each recording.

    Args:
        settings: what is learnt.
        value: (S, N, C) answers, or (S, N, K) probabilities.
        label: (N, C).
        unit: (N,) the recording of each item, from 0.
        units: how many recordings.
    """
    if settings.task == "classification":
        return _of_classes(settings, value, label, unit, units)
    found: dict[str, Scored] = {}
    for column, name in enumerate(settings.columns):
        sums = _sums(value[..., column], label[:, column], unit, units)
        left = {"": sums.sum(axis=1), "without": sums.sum(axis=1, keepdims=True) - sums}
        of = {
            CCC: ccc_of_moments,
            PEARSON: pearson_of,
            RMSE: rmse_of,
            MAE: lambda own: own[..., 6] / own[..., 0],
        }
        for metric in REGRESSION:
            with np.errstate(invalid="ignore", divide="ignore"):
                take = slice(None) if metric == MAE else slice(6)
                values, others = (of[metric](own[..., take]) for own in left.values())
            found[f"{name}_{metric}"] = Scored([float(v) for v in values], others.mean(axis=0))
    if len(settings.columns) > 1:
        for metric in (name for name in REGRESSION if name in AVERAGED):
            every = [found[f"{name}_{metric}"] for name in settings.columns]
            mean = [float(v) for v in np.mean([one.values for one in every], axis=0)]
            found[f"{AVERAGE}_{metric}"] = Scored(mean, np.mean([one.without for one in every], axis=0))
    return found


def _sums(value: Array, label: Array, unit: NDArray[np.int64], units: int) -> Array:
    """(S, units, 7): the six moments, and the absolute error."""
    shift = float(np.median(label))
    x, y = value - shift, np.broadcast_to(label - shift, value.shape)
    terms = [np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(x - y)]
    found = np.zeros((len(value), units, len(terms)))
    for number, term in enumerate(terms):
        for seed, own in enumerate(term):
            found[seed, :, number] = np.bincount(unit, own, units)
    return found


def _of_classes(
    settings: ItemEvaluationSettings, value: Array, label: Array, unit: NDArray[np.int64], units: int
) -> dict[str, Scored]:
    k = len(settings.classes)
    truth = np.searchsorted(classes_of(settings), label[:, 0])
    sound = np.isfinite(value).all(axis=(1, 2))
    chosen = np.argmax(np.nan_to_num(value), axis=-1)
    counted = _confusion((chosen, truth, np.ones(len(truth), bool), k), unit, units)  # (S, units, K, K)
    others = without({"classes": counted})["classes"]
    name = settings.columns[0]
    found = {}
    for metric, of in ((ACCURACY, _accuracy), (F1, _weighted_f1)):
        values = np.where(sound, of(counted.sum(axis=1)), np.nan)
        found[f"{name}_{metric}"] = Scored([float(v) for v in values], of(others).mean(axis=0))
    return found


def constants_of(settings: ItemEvaluationSettings, label: Array) -> Mapping[str, float]:
    """Return what the best constant answers would score: the median's error, or the share of the largest class."""
    if settings.task == "classification":
        share = max(np.mean(label[:, 0] == value) for value in classes_of(settings))
        return {f"{settings.columns[0]}_{CONSTANT[ACCURACY]}": float(share)}
    return {
        f"{name}_{CONSTANT[MAE]}": float(np.abs(label[:, at] - np.median(label[:, at])).mean())
        for at, name in enumerate(settings.columns)
    }
