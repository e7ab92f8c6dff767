"""Experiments by name: Mamba-VA, a variant of it and a feature source; and what one run of it is told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from affectssm.families.video.settings import VideoSettings, own
from affectssm.settings.config import Config

MODEL = "mamba_va"
OFFICIAL = 0
"""The fold of the official split."""

# what a variant changes in the model's settings; "" is the model as configured
VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    "frame": {"parts": "frame"},
    "tcn": {"parts": "tcn"},
    "mamba": {"parts": "mamba"},
    "bidirectional": {"bidirectional": True},
    "other_init": {},  # the initialisation that is not configured
    "reported": {},  # the epoch is selected on the reported videos
    "exchanged": {},  # videos exchange their labels in training
    "other_fill": {},  # forward fill off where it is on, and on where it is off
}


@dataclass(frozen=True)
class Experiment:
    """Mamba-VA in a variant, on a feature source.

    Attributes:
        variant: a key of VARIANTS; "" is the model as configured.
        source: of features, a key of video.groups.
        folds: that are trained: the official one, or those of the cross-validation.
        model: a name of the vocabulary's models of video.
    """

    variant: str
    source: str
    folds: tuple[int, ...]
    model: str = MODEL

    @property
    def name(self) -> str:
        """``mamba_va[+{variant}]-{source}[-cross]``; the folds from 1 on are apart, so that 0 can have more seeds."""
        cross = "" if OFFICIAL in self.folds else "-cross"
        return f"{self.model}{'+' * bool(self.variant)}{self.variant}-{self.source}{cross}"

    @property
    def parts(self) -> dict[str, int]:
        """Name of the folder between experiment and seed -> fold."""
        return {f"fold{fold}": fold for fold in self.folds}


def model_settings(asked: VideoSettings, experiment: Experiment, fold: int = OFFICIAL) -> dict[str, Any]:
    """Sizes and switches of the model as this experiment has them in a fold."""
    given = asked.mamba_va.model_dump(mode="json")
    given |= VARIANTS[experiment.variant] | {"dropout": asked.recipe(fold).dropout}
    if experiment.variant == "other_init":
        given["init"] = "charon" if given["init"] == "mamba" else "mamba"
    return given


def forward_fill(asked: VideoSettings, experiment: Experiment) -> bool:
    """Whether a frame without a face counts in an experiment, with the last face's features."""
    return asked.forward_fill is not (experiment.variant == "other_fill")


def run_settings(config: Config, experiment: Experiment, fold: int, seed: int) -> dict[str, Any]:
    """What one run is told: everything that decides its result, and nothing else."""
    asked = own(config)
    recipe = asked.recipe(fold)
    return {
        "experiment": experiment.name,
        "variant": experiment.variant,
        "source": experiment.source,
        "fold": fold,
        "cross_folds": asked.cross_folds,
        "selection": "reported" if experiment.variant == "reported" else "inner",
        "exchanged": experiment.variant == "exchanged",
        "forward_fill": forward_fill(asked, experiment),
        "seed": seed,
        "groups": asked.groups[experiment.source],
        "model": experiment.model,
        "model_settings": model_settings(asked, experiment, fold),
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "training": asked.training.model_dump(exclude={"workers"}),  # how, not what
        "blend": asked.blend,
    }


def evaluation_settings(experiment: Experiment, cross_folds: int, seeds: Sequence[int]) -> dict[str, Any]:
    """What the evaluation of an experiment over some seeds is told."""
    return {
        "experiment": experiment.name,
        "folds": list(experiment.folds),
        "cross_folds": cross_folds,
        "seeds": list(seeds),
    }
