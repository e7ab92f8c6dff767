"""What a configured model amounts to, for the README and for cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from affectssm.models.build import build_model, parameter_count
from affectssm.settings.base import Strict


def describe(
    name: str,
    settings: Strict | Mapping[str, Any],
    feature_dims: Mapping[str, int],
    groups: Mapping[str, list[str]],
) -> dict[str, Any]:
    """Parameter counts in all and by part, and the features they hold for. No weight is allocated.

    Raises:
        ConfigError: as build_model.
    """
    with torch.device("meta"):
        model = build_model(name, settings, feature_dims, groups)
    return {
        "model": name,
        "parameters": parameter_count(model),
        "parts": {part: parameter_count(module) for part, module in model.named_children()},
        "features": {group: {f: feature_dims[f] for f in names} for group, names in groups.items()},
    }
