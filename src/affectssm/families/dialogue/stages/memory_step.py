"""The processes of memory.py: each builds a model, trains it for two steps and says what that took at its peak.

What is measured is all that a step needs beyond what the process held before it: weights, gradients, the optimiser's
state, the weights' average, the batch and the activations. A step on a small batch comes first, so that compiled
kernels are there before the count begins; two steps, because the optimiser makes its state in the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from affectssm.corpora.manifest import LABEL_HZ
from affectssm.families.dialogue.run_settings import MeasuredStep, MemorySettings
from affectssm.families.dialogue.stages.memory_work import SEATS, Recipe, build, native_rows, train
from affectssm.models.build import parameter_count
from affectssm.settings.dialogues import DATSettings
from affectssm.timeline.clock import ratio
from affectssm.training.step_server import (
    Room,
    chosen_device,
    limit_of,
    name_of,
    peak,
    say,
    serve,
    unless_refused,
)

WARM_UP_WINDOWS = 2
WARM_UP_FRAMES = 64  # on a CPU, whose kernels are the same at every length


def answer(asked: Mapping[str, Any]) -> None:
    """Answer one question; returns also where memory ran out in an orderly way."""
    settings = MemorySettings.model_validate(asked["settings"])
    step = MeasuredStep.model_validate({name: value for name, value in asked.items() if name != "settings"})
    recipe = recipe_of(settings, step)
    room = Room(recipe.device, _limit(settings, step, recipe.device), recipe.training.threads)
    say(facts(settings, recipe) | {"limit_gb": room.limit_gb})

    def warm_up() -> None:
        short = recipe if recipe.device.type == "cuda" else replace(recipe, length=WARM_UP_FRAMES)
        say({"scan_backends": sorted(train(short, WARM_UP_WINDOWS))})

    def whole() -> None:
        train(recipe, recipe.training.batch)

    unless_refused(room, lambda: say({"peak_bytes": peak(room, warm_up, whole)}))


def recipe_of(settings: MemorySettings, step: MeasuredStep) -> Recipe:
    """The step that is measured, as training would take it, with its device."""
    of_paper = step.part == "paper"
    device = torch.device("cpu") if of_paper else chosen_device(settings)
    scale = "paper" if of_paper else _scale(settings, device)
    sizes = settings.sizes[scale]
    model_settings = getattr(sizes, step.model)
    if isinstance(model_settings, DATSettings):  # learned, as many as the longest window
        positions = max(model_settings.positions, step.length)
        fused = step.attention != "plain"
        model_settings = model_settings.model_copy(update={"positions": positions, "fused": fused})
    own = {"growth": settings.growth.batch, "paper": settings.paper.batch}
    computed = {
        "batch": own.get(step.part) or settings.batch or sizes.training.batch,
        "recompute": step.recompute,
        "precision": step.precision,
    }
    per_label = ratio(settings.clock_hz, LABEL_HZ)
    return Recipe(
        step.model,
        model_settings,
        sizes.training.model_copy(update=computed),
        scale,
        device,
        step.length,
        per_label,
        settings.groups,
        settings.feature_dims,
    )


def _scale(settings: MemorySettings, device: torch.device) -> str:
    if settings.scale != "auto":
        return settings.scale
    return "paper" if device.type == "cuda" else "demo"


def _limit(settings: MemorySettings, step: MeasuredStep, device: torch.device) -> float | None:
    return settings.paper.limit_gb if step.part == "paper" else limit_of(settings, device)


def facts(settings: MemorySettings, recipe: Recipe) -> dict[str, Any]:
    """What is known before anything is allocated."""
    with torch.device("meta"):
        parameters = parameter_count(build(recipe))
    device, windows = recipe.device, recipe.training.batch
    values = SEATS * windows * native_rows(recipe) * sum(recipe.feature_dims.values())
    return {
        "model": recipe.model,
        "length": recipe.length,
        "device": name_of(device),
        "kind": device.type,
        "scale": recipe.scale,
        "batch": windows,
        "d_model": recipe.model_settings.d_model,
        "features": list(recipe.feature_dims),
        "positions_of_dat": settings.sizes[recipe.scale].dat.positions,
        "parameters": parameters,
        "input_bytes": 4 * values,
    }


if __name__ == "__main__":
    # what these import takes longer than a small step: once for all of them
    with torch.device("meta"):
        torch.nn.Linear(1, 1)
    checkpoint(torch.sin, torch.zeros(1), use_reentrant=False)
    serve(answer)
