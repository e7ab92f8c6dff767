"""Models with an answer per frame, with fresh weights or with those of a run.

Which there are: :mod:`affectssm.vocabulary.models`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from affectssm.settings.base import Strict
from affectssm.timeline.scaler import Scaler
from affectssm.training.run_files import CHECKPOINT, below, read_checkpoint, read_config
from affectssm.vocabulary.models import FRAME_MODELS
from affectssm.vocabulary.targets import load_from


def build_model(
    name: str,
    settings: Strict | Mapping[str, Any],
    feature_dims: Mapping[str, int],
    groups: Mapping[str, Sequence[str]],
) -> nn.Module:
    """Build a model with an answer per frame with fresh weights, drawn from torch's global generator (seed it before).

    Args:
        name: a key of FRAME_MODELS.
        settings: the model's settings object, or its fields.
        feature_dims: dimension of every feature.
        groups: modality group -> its features.

    Raises:
        ConfigError: for an unknown name, or groups that name a feature without dimension.
    """
    cls = load_from(FRAME_MODELS, name, "model")
    return cls(cls.Settings.model_validate(settings), feature_dims, groups)


def load_model(run_dir: Path, prefix: str = "") -> tuple[nn.Module, Scaler, dict[str, Any]]:
    """The trained model of a run in evaluation mode, its scaler and its effective configuration.

    Args:
        run_dir: folder of the run.
        prefix: of the weights to take, where a checkpoint holds several sets.
    """
    config = read_config(run_dir / "config.yaml")
    weights, scaler = read_checkpoint(run_dir / CHECKPOINT)
    model = build_model(config["model"], config["model_settings"], config["feature_dims"], config["groups"])
    model.load_state_dict(below(weights, prefix) if prefix else weights)
    return model.eval(), scaler, config
