"""Models by name, with fresh weights; which there are: :mod:`affectssm.vocabulary.models`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from affectssm.settings.base import Strict
from affectssm.vocabulary.models import CLIP_MODELS, SEGMENT_MODELS
from affectssm.vocabulary.targets import load_from


def segment_model(
    name: str,
    settings: Strict | Mapping[str, Any],
    channels: Mapping[str, int],
    rate: float,
    samples: int,
    classes: int = 2,
) -> nn.Module:
    """Build a model of labelled segments with fresh weights, drawn from torch's global generator (seed it before).

    Args:
        name: a key of SEGMENT_MODELS.
        settings: the model's settings object, or its fields.
        channels: channels of every modality, in the model's order.
        rate: sampling rate in Hz.
        samples: samples a segment.
        classes: number of classes.

    Raises:
        ConfigError: for an unknown name, or segments the model cannot be built for.
    """
    cls = load_from(SEGMENT_MODELS, name, "model")
    return cls(cls.Settings.model_validate(settings), channels, rate, samples, classes)


def clip_model(
    name: str, settings: Strict | Mapping[str, Any], dims: Mapping[str, int], outputs: int
) -> nn.Module:
    """Build a model of clips with fresh weights, drawn from torch's global generator (seed it before).

    Args:
        name: a key of CLIP_MODELS.
        settings: the model's settings object, or its fields.
        dims: columns of every modality, in the model's order.
        outputs: 1 for a regression, else classes.

    Raises:
        ConfigError: for an unknown name, or no modality.
    """
    cls = load_from(CLIP_MODELS, name, "model")
    return cls(cls.Settings.model_validate(settings), dims, outputs)


def parameter_count(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
