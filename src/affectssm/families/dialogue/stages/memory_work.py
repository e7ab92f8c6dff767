"""What is measured: two training steps of a fresh model on a dialogue of random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from affectssm.families.dialogue.stages.frames import FRAMES
from affectssm.families.dialogue.stages.task import Dialogues
from affectssm.settings.dialogues import DAMambaSettings, DATSettings, TrainingSettings
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.scaler import Scaler
from affectssm.training.frame_models import build_model
from affectssm.training.loop import Training
from affectssm.training.scans import scans_of

SEATS = 2  # the target and one partner: a dialogue
STEPS = 2  # the optimiser makes its state in the first
SEED = 0


@dataclass(frozen=True)
class Recipe:
    """The step: a model of some sizes, a batch of windows of ``length`` clock frames, a device."""

    model: str
    model_settings: DAMambaSettings | DATSettings
    training: TrainingSettings
    scale: str
    device: torch.device
    length: int
    per_label: int
    groups: Mapping[str, Sequence[str]]
    feature_dims: Mapping[str, int]


def build(recipe: Recipe) -> torch.nn.Module:
    """A fresh model of the recipe's sizes."""
    return build_model(recipe.model, recipe.model_settings, recipe.feature_dims, recipe.groups)


def train(recipe: Recipe, windows: int) -> set[str]:
    """Train a fresh model for two steps on windows of random numbers; the scan backends that it took."""
    training = in_training(recipe)
    batch = random_windows(recipe, windows).to(recipe.device)
    with scans_of(training.recipe, "dialogue") as ran:
        for _ in range(STEPS):
            training.learn(batch)
    return ran


def native_rows(recipe: Recipe) -> int:
    """How many rows of a feature, at the labels' rate, a window's clock frames lie between."""
    return -(-recipe.length // recipe.per_label) + 1


def in_training(recipe: Recipe) -> Training:
    """A fresh model and all that a step of it needs, on the recipe's device."""
    dims = recipe.feature_dims
    torch.manual_seed(SEED)
    scaler = Scaler({n: torch.zeros(d) for n, d in dims.items()}, {n: torch.ones(d) for n, d in dims.items()})
    task = Dialogues(build(recipe), scaler, recipe.training, recipe.groups, recipe.per_label)
    task.to(recipe.device)
    return Training(task, recipe.training.model_dump(), SEED)


def random_windows(recipe: Recipe, windows: int) -> NativeBatch:
    """Windows of a dialogue, every frame valid: native rows at the labels' rate and their places on the clock."""
    length, step = recipe.length, recipe.per_label
    rows = native_rows(recipe)
    at = (torch.arange(length) / step).expand(SEATS, windows, length)
    labels = FRAMES.centre // step
    everywhere = torch.ones(SEATS, windows, length, dtype=torch.bool)
    dims = recipe.feature_dims
    return NativeBatch(
        rows={name: torch.randn(SEATS, windows, rows, dim) for name, dim in dims.items()},
        index=dict.fromkeys(dims, at.floor().long()),
        phase=dict.fromkeys(dims, (at % 1.0).contiguous()),
        valid=dict.fromkeys(dims, everywhere),
        partner_present=torch.ones(windows, SEATS - 1, dtype=torch.bool),
        frame_valid=everywhere[0],
        label=torch.rand(windows, labels),
        label_valid=torch.ones(windows, labels, dtype=torch.bool),
        window=torch.arange(windows),
    )
