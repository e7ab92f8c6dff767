"""What the measurement of memory and time is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.settings.base import JobSettings, Strict
from affectssm.settings.clip_efficiency import EfficiencySettings

DIMS = {"text": 768, "audio": 74, "vision": 35}
"""Columns of CMU-MOSEI's features."""


class MeasuredModel(Strict):
    """A model of the vocabulary and its settings."""

    model: str
    settings: dict[str, Any]


class MeasureSettings(JobSettings, EfficiencySettings):
    """The measurement: the models by the names of their rows, and the columns of the modalities."""

    models: dict[str, MeasuredModel]
    dims: dict[str, int]


def measure_settings(
    asked: EfficiencySettings, coupled: Mapping[str, Any], attention: Mapping[str, Any]
) -> dict[str, Any]:
    """What is told: Coupled Mamba, and the Transformer with cross-attention, plain and fused, at its width and depth.

    Args:
        asked: the section of the configuration.
        coupled, attention: settings of the two models.
    """
    size = {name: coupled[name] for name in ("d_model", "layers")}
    rows = {
        "coupled_mamba": {"model": "coupled_mamba", "settings": dict(coupled)},
        "attention_plain": {"model": "attention_fusion", "settings": {**attention, **size, "fused": False}},
        "attention_fused": {"model": "attention_fusion", "settings": {**attention, **size, "fused": True}},
    }
    return {**asked.model_dump(mode="json"), "models": rows, "dims": DIMS}
