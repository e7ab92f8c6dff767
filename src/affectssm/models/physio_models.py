"""Models of bio-signals by name. A new one is one line here, one module and one section of settings."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from affectssm.errors import ConfigError
from affectssm.settings_base import Strict

PHYSIO_MODELS: dict[str, str] = {
    "bimamba_tta": "affectssm.models.bimamba_tta:BiMambaTTA",
    "tsception": "affectssm.models.baselines.tsception:TSception",
    "lggnet": "affectssm.models.baselines.lggnet:LGGNet",
    "mambaformer": "affectssm.models.baselines.mambaformer:MambaFormer",
}


def physio_model(
    name: str,
    settings: Strict | Mapping[str, Any],
    channels: Mapping[str, int],
    rate: float,
    samples: int,
    classes: int = 2,
) -> nn.Module:
    """Build a model with fresh weights, drawn from torch's global generator (seed it before).

    Args:
        name: a key of PHYSIO_MODELS.
        settings: the model's settings object, or its fields.
        channels: channels of every modality, in the model's order.
        rate: sampling rate in Hz.
        samples: samples a segment.
        classes: number of classes.

    Raises:
        ConfigError: for an unknown name, or signals the model cannot be built for.
    """
    if name not in PHYSIO_MODELS:
        raise ConfigError(
            f"model {name}", "no model of this name", f"one of {', '.join(PHYSIO_MODELS)}", "mend the name"
        )
    module, _, attribute = PHYSIO_MODELS[name].partition(":")
    cls: Any = getattr(importlib.import_module(module), attribute)
    return cls(cls.Settings.model_validate(settings), channels, rate, samples, classes)
