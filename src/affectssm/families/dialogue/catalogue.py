"""Which tables there are, which experiments and seeds each is made of, and what its builder is told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from affectssm.families.dialogue.experiments import MODELS, Experiment, model_settings
from affectssm.families.dialogue.settings import GROUPS, PRESETS, DialogueSettings, own
from affectssm.settings.base import at_scale
from affectssm.settings.config import Config, Scale
from affectssm.settings.groups import features_of
from affectssm.vocabulary.corpora import DEMO_EDITIONS, NO_CORPUS
from affectssm.vocabulary.models import TITLES
from affectssm.vocabulary.targets import named

CORPORA = ("noxi", "noxi_add", "mpiigi")  # of dialogues
CONTROLS = ("", "shuffled_labels", "no_partner")
ABLATION = ("", "no_modality", "no_partner", "no_fusion", "transformer")


def _noxi_ccc(config: Config) -> list[Experiment]:
    asked = own(config)
    models, sources = asked.models, asked.sources
    found = [Experiment(model, "", source) for model in models for source in sources]
    if asked.validation_rows or test_labels_withheld(config):
        found += [Experiment(model, "", source, "holdout") for model in models for source in sources]
    adapts = asked.adapt_mpiigi and vars(config.corpora)["mpiigi"].root != NO_CORPUS
    if adapts and "da_mamba" in models:
        found += [Experiment("da_mamba", "adapt_mpiigi", source) for source in sources]
    return found


def _noxi_controls(config: Config) -> list[Experiment]:
    sources, selection = own(config).sources, _selection(config)
    return [Experiment("da_mamba", variant, source, selection) for source in sources for variant in CONTROLS]


def _damamba_ablation(config: Config) -> list[Experiment]:
    asked, sources = own(config).ablation_source, own(config).sources
    source = asked if asked in sources else sources[0]
    return [Experiment("da_mamba", variant, source, _selection(config)) for variant in ABLATION]


_EXPERIMENTS: dict[str, Callable[[Config], list[Experiment]]] = {
    "noxi_ccc": _noxi_ccc,
    "noxi_controls": _noxi_controls,
    "damamba_ablation": _damamba_ablation,
}
MEASUREMENTS = ("damamba_memory",)  # made of what is measured here, without corpora
TABLES = (*_EXPERIMENTS, *MEASUREMENTS)
# of the streams the challenge distributes: DA-Mamba's input, in DAT's code
STREAM_DIMS = {"egemapsv2": 88, "w2vbert2": 1024, "clip": 512, "openface2": 714, "openpose": 139}


def experiments_of(table: str, config: Config) -> list[Experiment]:
    """The experiments whose metrics a table is made of, in the order of its rows; none for a measurement.

    Raises:
        ConfigError: for an unknown table.
    """
    return [] if table in MEASUREMENTS else named(_EXPERIMENTS, table, "table")(config)


def seeds_of(table: str, config: Config) -> tuple[int, ...]:
    """The seeds of a table's experiments: the ablation compares in pairs and has more of its own."""
    return own(config).ablation_seeds if table == "damamba_ablation" else own(config).seeds


def _selection(config: Config) -> str:
    """Where test labels are withheld the validation part is reported, which then must not select."""
    return "holdout" if test_labels_withheld(config) else "val"


def test_labels_withheld(config: Config) -> bool:
    """Whether some corpus has no test labels: a withheld demo, or a real root without ground truth."""
    corpora = [getattr(config.corpora, name) for name in CORPORA]
    return any(
        c.root.endswith("withheld") if c.root in DEMO_EDITIONS else c.ground_truth_folder is None
        for c in corpora
        if c.root != NO_CORPUS
    )


def table_settings(config: Config, table: str) -> dict[str, Any]:
    """What a table is told: its experiments, how to describe them, and whether gaps are allowed."""
    experiments = experiments_of(table, config)
    return {
        "table": table,
        "scale": config.scale,
        "experiments": [e.name for e in experiments],
        "described": {e.name: described(e, config) for e in experiments},
        "titles": {model: TITLES[model] for model in MODELS},
        "weights": config.features.weights,
        "demo": sorted(name for name in CORPORA if getattr(config.corpora, name).root in DEMO_EDITIONS),
        "d_model": {model: getattr(own(config), model).d_model for model in MODELS},
        "switches": {e.name: _switches(config, e) for e in experiments if e.model == "da_mamba"},
        "seeds": list(seeds_of(table, config)),
        "allow_incomplete": config.tables.allow_incomplete,
    }


def described(experiment: Experiment, config: Config) -> dict[str, Any]:
    """What a table is told of one of its experiments."""
    return {
        "model": experiment.model,
        "variant": experiment.variant,
        "source": experiment.source,
        "selection": experiment.selection,
        "split": experiment.split,
        "cells": list(experiment.cells),
        "features": features_of(own(config).groups[experiment.source]),
    }


def _switches(config: Config, experiment: Experiment) -> dict[str, bool]:
    """The columns by which DA-Mamba's ablation tells its rows apart."""
    settings = model_settings(config, experiment)
    return {
        "mamba": settings["backbone"] == "mamba",
        "transformer": settings["backbone"] == "transformer",
        "modality_fusion": settings["modality_fusion"],
        "partner_fusion": settings["partner_fusion"],
    }


def memory_settings(config: Config) -> dict[str, Any]:
    """What the memory measurement is told: the sizes of every scale it may have to take.

    Where that is the scale of the configuration the sizes are the user's, else those of the scale.
    """
    asked = own(config).memory
    scales: list[Scale] = ["paper", "demo"] if asked.scale == "auto" else [asked.scale]
    scales += ["paper"] if asked.paper.lengths and "paper" not in scales else []
    return {
        **asked.model_dump(mode="json"),
        "models": list(MODELS),
        "clock_hz": own(config).clock_hz,
        "groups": GROUPS["multimediate"],
        "feature_dims": STREAM_DIMS,
        "sizes": {scale: _sizes(config, scale) for scale in scales},
    }


def _sizes(config: Config, scale: Scale) -> dict[str, Any]:
    its_own = at_scale(DialogueSettings, PRESETS[scale]["dialogue"])
    sizes = (own(config) if scale == config.scale else its_own).model_dump(include={*MODELS, "training"})
    del sizes["training"]["workers"]  # how, not what
    return sizes
