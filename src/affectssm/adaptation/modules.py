"""Which modules decide masks, choices and adaptation; no torch, so that a plan can ask.

Methods and models are loaded by name, and so named here.
"""

from __future__ import annotations

from collections.abc import Iterable

from affectssm.training.registry import segment_model

METHOD_MODULES = tuple(
    f"affectssm.adaptation.{name}" for name in ("method", "tent", "eata", "read", "tltta", "bim_tta")
)


def mask_modules() -> tuple[str, ...]:
    """The modules whose code decides the masks."""
    return ("affectssm.adaptation.mask_files",)


def adaptation_modules(model: str) -> tuple[str, ...]:
    """The modules whose code decides what the methods answer with a model."""
    return "affectssm.adaptation.trials", *METHOD_MODULES, segment_model(model)


def choice_modules(models: Iterable[str]) -> tuple[str, ...]:
    """The modules whose code decides the constants that are chosen with runs of some models."""
    return "affectssm.adaptation.choose", *METHOD_MODULES, *map(segment_model, sorted(models))
