"""Fit a run: the mean of ridge regressions on resampled clips. Finished resamples of a killed run are kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectssm.store.card import make_card
from affectssm.training.run_files import CHECKPOINT, read_tensors, resume_folder, write_config, write_tensors
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
    kept = resume_folder(out)
    members = []
    for number in range(settings.members):
        members.append(_member(kept / f"{number}.safetensors", card, x, y, settings, number))
        log.info("resample %d/%d", number + 1, settings.members)
    write_config(out / "config.yaml", {**settings.model_dump(), "clips": len(clips)})
    write_tensors(out / CHECKPOINT, {"weights": torch.from_numpy(np.mean(members, axis=0))}, card)
    for file in kept.glob("*.safetensors"):
        file.unlink()
    kept.rmdir()


def _member(
    path: Path,
    card: Mapping[str, Any],
    x: np.ndarray,
    y: np.ndarray,
    settings: RunSettings,
    number: int,
) -> np.ndarray:
    """One resample: as it was kept under this card, or computed and kept."""
    from affectssm.store.card import read_card

    if path.is_file() and (read_card(path) or {}).get("id") == card["id"]:
        return read_tensors(path)["weights"].numpy()
    weights = solve(x, y, settings.ridge, np.random.default_rng([settings.seed, number]))
    write_tensors(path, {"weights": torch.from_numpy(weights)}, card)
    return weights


def solve(x: np.ndarray, y: np.ndarray, ridge: float, rng: np.random.Generator) -> np.ndarray:
    """Return (D + 1,) the ridge solution on a resample of the rows."""
    chosen = rng.integers(len(x), size=len(x))
    own, target = x[chosen], y[chosen]
    return np.linalg.solve(own.T @ own + ridge * np.eye(own.shape[1]), own.T @ target)
