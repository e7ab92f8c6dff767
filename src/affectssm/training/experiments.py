"""The catalogue of experiments: which models, variants and feature sources a table needs, and what one run is
told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from affectssm.config import DEMO_EDITIONS, NO_CORPUS, Config
from affectssm.errors import ConfigError
from affectssm.features.registry import GROUPS
from affectssm.training import registry

MODELS = ("da_mamba", "dat")
SOURCES = ("extracted", "multimediate")
FOLD = "main"  # the only fold of an experiment that is trained once per seed
ADAPT_FOLD = "loso"  # leave one session out: each is predicted by the run that did not see it

# what a variant changes in the model's settings; "" is the model as configured ("full")
VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    "shuffled_labels": {},  # changes the labels of training, not the model
    "no_partner": {"partner_fusion": False},
    "adapt_mpiigi": {},  # continues from the full model's runs
}
_OF_DA_MAMBA_ALONE = ("shuffled_labels", "no_partner", "adapt_mpiigi")

TABLES = ("noxi_ccc", "noxi_controls")


@dataclass(frozen=True)
class Experiment:
    """A model, a variant of it, a feature source and what selects its epoch.

    Attributes:
        model: one of MODELS.
        variant: a key of VARIANTS; "" is the model as configured.
        source: extracted or multimediate.
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


def parse_experiment(name: str) -> Experiment:
    """The experiment with this name.

    Raises:
        ConfigError: when there is none; the nearest names are listed.
    """
    known = {e.name: e for e in _all_experiments()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3)
    raise ConfigError(
        f"experiment {name}",
        "no experiment of this name",
        f"one of {', '.join(near or sorted(known))}",
        "mend the name",
    )


def _all_experiments() -> list[Experiment]:
    return [
        Experiment(model, variant, source, selection)
        for model in MODELS
        for variant in VARIANTS
        for source in SOURCES
        for selection in ("val", "holdout")
        if model == "da_mamba" or variant not in _OF_DA_MAMBA_ALONE
    ]


def test_labels_withheld(config: Config) -> bool:
    """Whether some corpus has no test labels: a withheld demo, or a real root without ground truth."""
    corpora = (config.corpora.noxi, config.corpora.noxi_add, config.corpora.mpiigi)
    return any(
        c.root.endswith("withheld") if c.root in DEMO_EDITIONS else c.ground_truth is None
        for c in corpora
        if c.root != NO_CORPUS
    )


def experiments_of(table: str, config: Config) -> list[Experiment]:
    """The experiments whose metrics a table is made of, in the order of its rows.

    Raises:
        ConfigError: for an unknown table.
    """
    sources = config.features.sources
    if table == "noxi_ccc":
        models = config.experiments.models
        found = [Experiment(model, "", source) for model in models for source in sources]
        if config.experiments.validation_rows or test_labels_withheld(config):
            found += [Experiment(model, "", source, "holdout") for model in models for source in sources]
        if (
            config.experiments.adapt_mpiigi
            and "da_mamba" in models
            and config.corpora.mpiigi.root != NO_CORPUS
        ):
            found += [Experiment("da_mamba", "adapt_mpiigi", source) for source in sources]
        return found
    if table == "noxi_controls":
        selection = "holdout" if test_labels_withheld(config) else "val"
        variants = ("", "shuffled_labels", "no_partner")
        return [
            Experiment("da_mamba", variant, source, selection) for source in sources for variant in variants
        ]
    raise ConfigError(
        f"table {table}", "no table of this name", f"one of {', '.join(TABLES)}", "mend the name"
    )


def run_settings(config: Config, experiment: Experiment, seed: int) -> dict[str, Any]:
    """What one run is told: everything that decides its result, and nothing else."""
    model_settings = getattr(config.experiments, experiment.model).model_dump()
    settings: dict[str, Any] = {
        "experiment": experiment.name,
        "model": experiment.model,
        "variant": experiment.variant,
        "source": experiment.source,
        "selection": experiment.selection,
        "fold": experiment.fold,
        "seed": seed,
        "clock_hz": config.timeline.clock_hz,
        "groups": GROUPS[experiment.source],
        "model_settings": {**model_settings, **VARIANTS[experiment.variant]},
        "training": config.experiments.training.model_dump(exclude={"workers"}),  # how, not what
    }
    if experiment.variant == "adapt_mpiigi":
        base = experiment.base
        settings |= {"adapt_steps": config.experiments.adapt_steps, "base": base.name, "base_fold": base.fold}
    return settings


def training_modules(experiment: Experiment) -> tuple[str, ...]:
    """The modules whose code decides what an experiment's runs learn."""
    return registry.training_modules(experiment.model, experiment.variant)


def prediction_modules(experiment: Experiment) -> tuple[str, ...]:
    """The modules whose code decides what an experiment's trained runs predict."""
    return registry.prediction_modules(experiment.model)


def evaluation_settings(config: Config, experiment: Experiment) -> dict[str, Any]:
    """What the evaluation of an experiment is told."""
    return {
        "experiment": experiment.name,
        "split": experiment.split,
        "cells": list(experiment.cells),
        "source": experiment.source,
        "seeds": list(config.experiments.seeds),
        **config.evaluation.model_dump(),
    }


def table_settings(config: Config, table: str) -> dict[str, Any]:
    """What a table is told: its experiments, how to describe them, and whether gaps are allowed."""
    corpora = config.corpora.model_dump()
    return {
        "table": table,
        "scale": config.scale,
        "experiments": [e.name for e in experiments_of(table, config)],
        "weights": config.features.weights,
        "demo": sorted(name for name, corpus in corpora.items() if corpus["root"] in DEMO_EDITIONS),
        "d_model": {model: getattr(config.experiments, model).d_model for model in MODELS},
        "seeds": list(config.experiments.seeds),
        "allow_incomplete": config.tables.allow_incomplete,
        "published": _published_hash(table),
    }


def _published_hash(table: str) -> str:
    """A hash of the published numbers, so that mending one rebuilds the table; "" where a table has none."""
    file = resources.files("affectssm.tables").joinpath(f"published/{table}.csv")
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else ""
