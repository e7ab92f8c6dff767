"""What a run on labels per frame keeps once its epoch is selected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectssm.models.build import parameter_count
from affectssm.timeline.scaler import Scaler
from affectssm.training.loop import Training
from affectssm.training.run_files import CHECKPOINT, write_checkpoint, write_config, write_history


def write_run(
    out: Path,
    training: Training,
    told: Mapping[str, Any],
    dims: Mapping[str, int],
    scaler: Scaler,
    card: Mapping[str, Any],
) -> None:
    """Write config.yaml, history.csv and, last, checkpoint.safetensors of the best epoch.

    Args:
        out: folder of the run.
        training: one that has ended, with an epoch that was selected.
        told: what the run was told.
        dims: dimension of every feature.
        scaler: that standardised the features.
        card: of the checkpoint.

    Raises:
        DataError: when a weight is not finite.
    """
    found = {
        "feature_dims": dict(dims),
        "parameters": parameter_count(training.task.model),
        "best_epoch": training.best_epoch,
        "best_val_ccc": training.best_score,
    }
    write_config(out / "config.yaml", {**told, **found})
    write_history(out / "history.csv", training.history)
    write_checkpoint(out / CHECKPOINT, training.best, scaler, card)
