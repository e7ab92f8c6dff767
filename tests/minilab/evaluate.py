"""Score an experiment: the mean absolute error over its seeds, with an interval over clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from affectssm.evaluation.intervals import jackknife_interval, mean_without
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import read_parquet, write_parquet
from minilab.clips import clips_of, means
from minilab.settings import EvaluationSettings

METRICS = pa.schema(
    [("experiment", pa.string()), ("level", pa.string()), ("metric", pa.string())]
    + [(name, pa.float64()) for name in ("value", "sd", "low", "high")]
    + [(name, pa.int64()) for name in ("n_seeds", "n_used", "n_expected")]
)


def evaluate(
    settings: EvaluationSettings,
    predictions: Sequence[Path],
    labels: Sequence[Path],
    manifest: Path,
    out: Path,
) -> None:
    """Write the metrics of an experiment."""
    clips = clips_of(manifest, "test")
    truth = means(labels, "clip_sentiment", clips)[:, 0]
    errors = np.stack([_errors(path, clips, truth) for path in predictions])  # (seeds, clips)
    value = float(errors.mean())
    interval = jackknife_interval(value, [mean_without(errors, np.ones_like(errors))], (0.0, np.inf))
    runs = errors.mean(axis=1)
    row = {
        "experiment": settings.experiment, "level": "summary", "metric": "mae", "value": value,
        "sd": float(runs.std(ddof=1)) if len(runs) > 1 else None, "low": interval.low, "high": interval.high,
        "n_seeds": len(runs), "n_used": len(clips), "n_expected": len(clips),
    }  # fmt: skip
    card = make_card(
        "minilab/evaluate", ["minilab.evaluate"], settings.model_dump(mode="json"), inputs=[*predictions, manifest],
        runs=[read_card(path) for path in predictions],
    )  # fmt: skip
    write_parquet(out, {name: [row[name]] for name in METRICS.names}, METRICS, card)


def _errors(path: Path, clips: Sequence[str], truth: np.ndarray) -> np.ndarray:
    table = read_parquet(path)
    found = dict(zip(table["clip"].to_pylist(), table["sentiment"].to_pylist(), strict=True))
    return np.abs(np.array([found[clip] for clip in clips]) - truth)
