"""Experiments by name: a model, a variant of it and a feature source; and what one run of it is told.

Light on purpose (no torch): the workflow reads it when it builds its graph. Which experiments a table is made
of is said in catalogue.py beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from affectssm.families.dialogue.settings import own
from affectssm.settings.config import Config
from affectssm.vocabulary import stages
from affectssm.vocabulary.models import DIALOGUE_MODELS

MODELS = tuple(DIALOGUE_MODELS)
FOLD = "main"  # the only fold of an experiment that is trained once per seed
ADAPT_FOLD = "loso"  # leave one session out: each is predicted by the run that did not see it

# what a variant changes in the model's settings; "" is the model as configured ("full")
VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    "shuffled_labels": {},  # changes the labels of training, not the model
    "no_modality": {"modality_fusion": False},
    "no_partner": {"partner_fusion": False},
    "no_fusion": {"modality_fusion": False, "partner_fusion": False},
    "transformer": {"backbone": "transformer"},
    "adapt_mpiigi": {},  # continues from the full model's runs
}


@dataclass(frozen=True)
class Experiment:
    """A model, a variant of it, a feature source and what selects its epoch.

    Attributes:
        model: a name of the vocabulary's models of dialogues.
        variant: a key of VARIANTS; "" is the model as configured.
        source: of features, a key of dialogue.groups.
        selection: ``val`` (NoXi's validation part selects the epoch, test parts are reported) or ``holdout``
            (held-out training sessions select it, so that the validation part can be reported).
    """

    model: str
    variant: str = ""
    source: str = "extracted"
    selection: str = "val"

    @property
    def name(self) -> str:
        """``{model}[+{variant}]-{source}[-holdout]``."""
        variant = f"+{self.variant}" if self.variant else ""
        return f"{self.model}{variant}-{self.source}" + ("-holdout" if self.selection == "holdout" else "")

    @property
    def fold(self) -> str:
        """Name of the folder between experiment and seed."""
        return ADAPT_FOLD if self.variant == "adapt_mpiigi" else FOLD

    @property
    def split(self) -> str:
        """What its row of a table reports: ``test`` or ``val``."""
        return "val" if self.selection == "holdout" or self.variant == "adapt_mpiigi" else "test"

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns of the table this experiment has predictions for (evaluation/cells.py)."""
        if self.variant == "adapt_mpiigi":
            return ("mpiigi",)
        return ("noxi_base", "mpiigi") if self.split == "val" else ("noxi_base", "noxi_add", "mpiigi")

    @property
    def base(self) -> Experiment:
        """The experiment whose runs an adapted one continues from."""
        return Experiment(self.model, "", self.source, "val")


def model_settings(config: Config, experiment: Experiment) -> dict[str, Any]:
    """Sizes and switches of the model as this experiment has them."""
    return getattr(own(config), experiment.model).model_dump() | VARIANTS[experiment.variant]


def run_settings(config: Config, experiment: Experiment, seed: int) -> dict[str, Any]:
    """What one run is told: everything that decides its result, and nothing else."""
    asked = own(config)
    settings: dict[str, Any] = {
        "experiment": experiment.name,
        "model": experiment.model,
        "variant": experiment.variant,
        "source": experiment.source,
        "selection": experiment.selection,
        "fold": experiment.fold,
        "seed": seed,
        "clock_hz": asked.clock_hz,
        "groups": asked.groups[experiment.source],
        "model_settings": model_settings(config, experiment),
        "training": asked.training.model_dump(exclude={"workers"}),  # how, not what
    }
    if experiment.variant == "adapt_mpiigi":
        base = experiment.base
        settings |= {"adapt_steps": asked.adapt_steps, "base": base.name, "base_fold": base.fold}
    return settings


def training_modules(experiment: Experiment) -> tuple[str, ...]:
    """The modules whose code decides what an experiment's runs learn."""
    return stages.training_modules(experiment.model, experiment.variant)


def prediction_modules(experiment: Experiment) -> tuple[str, ...]:
    """The modules whose code decides what an experiment's trained runs predict."""
    return stages.prediction_modules(experiment.model)


def evaluation_settings(config: Config, experiment: Experiment, seeds: Sequence[int]) -> dict[str, Any]:
    """What the evaluation of an experiment over some seeds is told."""
    return {
        "experiment": experiment.name,
        "split": experiment.split,
        "cells": list(experiment.cells),
        "source": experiment.source,
        "seeds": list(seeds),
        "scorer": own(config).scorer,
    }
