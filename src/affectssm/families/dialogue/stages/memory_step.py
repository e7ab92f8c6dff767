"""The processes of memory.py: each builds a model, trains it for two steps and says what that took at its peak.

What is measured is all that a step needs beyond what the process held before it: weights, gradients, the optimiser's
state, the weights' average, the batch and the activations. A step on a small batch comes first, so that compiled
kernels are there before the count begins; two steps, because the optimiser makes its state in the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from affectssm.corpora.manifest import LABEL_HZ
from affectssm.families.dialogue.run_settings import MemorySettings
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


def answer(asked: Mapping[str, Any]) -> None:
    """Answer one question; returns also where memory ran out in an orderly way."""
    settings = MemorySettings.model_validate(asked["settings"])
    recipe = recipe_of(settings, asked["model"], asked["length"])
    say(facts(settings, recipe))
    room = Room(recipe.device, limit_of(settings, recipe.device), recipe.training.threads)

    def warm_up() -> None:
        say({"scan_backends": sorted(train(recipe, WARM_UP_WINDOWS))})

    def whole() -> None:
        train(recipe, recipe.training.batch)

    unless_refused(room, lambda: say({"peak_bytes": peak(room, warm_up, whole)}))


def recipe_of(settings: MemorySettings, model: str, length: int) -> Recipe:
    """The step that is measured, as training would take it, with length and device.

    Args:
        settings: of the measurement.
        model: a name of the vocabulary's models of dialogues.
        length: clock frames in a window.
    """
    device = chosen_device(settings)
    scale = settings.scale if settings.scale != "auto" else "paper" if device.type == "cuda" else "demo"
    sizes = settings.sizes[scale]
    model_settings = getattr(sizes, model)
    if isinstance(model_settings, DATSettings):  # learned, as many as the longest window
        positions = max(model_settings.positions, length)
        model_settings = model_settings.model_copy(update={"positions": positions})
    training = sizes.training.model_copy(update={"batch": settings.batch or sizes.training.batch})
    per_label = ratio(settings.clock_hz, LABEL_HZ)
    return Recipe(
        model,
        model_settings,
        training,
        scale,
        device,
        length,
        per_label,
        settings.groups,
        settings.feature_dims,
    )


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
        "limit_gb": limit_of(settings, device),
    }


if __name__ == "__main__":
    serve(answer)
