"""Models by name. A new model is one line here and one module."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from affectssm.config import Strict
from affectssm.errors import ConfigError

MODELS: dict[str, str] = {
    "da_mamba": "affectssm.models.da_mamba:DAMamba",
    "dat": "affectssm.models.baselines.dat:DAT",
}


def model_class(name: str) -> type[nn.Module]:
    """The class behind a name; only its module is imported.

    Raises:
        ConfigError: for an unknown name.
    """
    if name not in MODELS:
        raise ConfigError(
            f"model {name}", "no model of this name", f"one of {', '.join(MODELS)}", "mend the name"
        )
    module, _, attribute = MODELS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def build_model(
    name: str,
    settings: Strict | Mapping[str, Any],
    feature_dims: Mapping[str, int],
    groups: Mapping[str, list[str]],
) -> nn.Module:
    """Build a model with fresh weights, drawn from torch's global generator (seed it before).

    Args:
        name: a key of MODELS.
        settings: the model's settings object, or its fields.
        feature_dims: dimension of every feature.
        groups: features of the ``audio`` and of the ``visual`` group.

    Raises:
        ConfigError: for an unknown name, or groups that name a feature without dimension.
    """
    cls: Any = model_class(name)
    return cls(cls.Settings.model_validate(settings), feature_dims, groups)


def parameter_count(model: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
