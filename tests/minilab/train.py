"""Fit a run: the mean of ridge regressions on resampled clips. Finished resamples of a killed run are kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from affectssm.store.card import make_card
from affectssm.training.finished_folds import FinishedFolds
from affectssm.training.fold_runs import Trained, TrainedFiles
from affectssm.training.run_files import CHECKPOINT, write_config, write_tensors
from minilab.clips import clips_of, means
from minilab.settings import RunSettings

log = logging.getLogger(__name__)


def fit(
    settings: RunSettings, vectors: Sequence[Path], labels: Sequence[Path], manifest: Path, out: Path
) -> None:
    """Fit a run.

    Args:
        settings: of the run.
        vectors, labels: folders of the features.
        manifest: of the corpus.
        out: the run's folder; gets config.yaml and, last, checkpoint.safetensors.
    """
    clips = clips_of(manifest, "train")
    x = np.hstack([means(vectors, "clip_vectors", clips), np.ones((len(clips), 1))])
    y = means(labels, "clip_sentiment", clips)[:, 0]
    card = make_card(
        "minilab/train", ["minilab.train"], settings.model_dump(), inputs=[manifest], seed=settings.seed
    )
    kept = FinishedFolds(out, card, TrainedFiles())
    members = []
    for number in range(settings.members):
        member = kept.get(number, partial(_member, x, y, settings, number))
        members.append(member.tensors["weights"].numpy())
        log.info("resample %d/%d", number + 1, settings.members)
    write_config(out / "config.yaml", {**settings.model_dump(), "clips": len(clips)})
    write_tensors(out / CHECKPOINT, {"weights": torch.from_numpy(np.mean(members, axis=0))}, card)
    kept.clear()


def _member(x: np.ndarray, y: np.ndarray, settings: RunSettings, number: int) -> Trained:
    """One resample, as it is kept."""
    weights = solve(x, y, settings.ridge, np.random.default_rng([settings.seed, number]))
    return Trained({"weights": torch.from_numpy(weights)}, np.empty(0), np.empty(0))


def solve(x: np.ndarray, y: np.ndarray, ridge: float, rng: np.random.Generator) -> np.ndarray:
    """Return (D + 1,) the ridge solution on a resample of the rows."""
    chosen = rng.integers(len(x), size=len(x))
    own, target = x[chosen], y[chosen]
    return np.linalg.solve(own.T @ own + ridge * np.eye(own.shape[1]), own.T @ target)
