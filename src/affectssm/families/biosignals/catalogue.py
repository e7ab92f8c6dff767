"""Which tables of trials there are, which experiments each is made of, and what its builder is told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from typing import Any

from affectssm.families.biosignals.experiments import CORPORA, TrialExperiment
from affectssm.families.biosignals.settings import own
from affectssm.families.biosignals.stages.dimensions import DIMENSIONS
from affectssm.settings.config import Config
from affectssm.vocabulary.corpora import NO_CORPUS, PHYSIO_EDITIONS
from affectssm.vocabulary.methods import TITLES as METHOD_TITLES
from affectssm.vocabulary.models import SIZES, TITLES
from affectssm.vocabulary.targets import named

ADAPTED_MODEL, CONTROLS = "bimamba_tta", "bimtta_controls"
_MODELS: dict[str, tuple[tuple[str, str], ...]] = {
    "bimtta_accuracy": (),  # as configured
    "bimtta_missing": ((ADAPTED_MODEL, ""),),
    CONTROLS: ((ADAPTED_MODEL, ""), (ADAPTED_MODEL, "shuffled_labels")),
}
TABLES = tuple(_MODELS)


def experiments_of(table: str, config: Config) -> list[TrialExperiment]:
    """The experiments whose metrics a table is made of, row by row; corpora that are not held have none.

    Raises:
        ConfigError: for an unknown table.
    """
    models = named(_MODELS, table, "table") or tuple((model, "") for model in own(config).models)
    return [
        TrialExperiment(model, corpus, dimension, variant)
        for model, variant in models
        for corpus in CORPORA
        for dimension in DIMENSIONS
        if getattr(config.corpora, corpus).root != NO_CORPUS
    ]


def seeds_of(table: str, config: Config) -> tuple[int, ...]:
    """The seeds whose runs a table averages."""
    return own(config).control_seeds if table == CONTROLS else own(config).seeds


def table_settings(config: Config, table: str) -> dict[str, Any]:
    """What a table is told: its experiments, how to describe them, and whether gaps are allowed."""
    asked = own(config).model_dump(mode="json")
    held = [name for name in CORPORA if getattr(config.corpora, name).root != NO_CORPUS]
    experiments = experiments_of(table, config)
    models = {experiment.model for experiment in experiments}
    shared = ("epochs", "protocol", "training", "missing", "methods", "adaptation", "choice")
    return {
        "table": table,
        "scale": config.scale,
        "experiments": [experiment.name for experiment in experiments],
        "described": {
            one.name: {name: getattr(one, name) for name in ("model", "variant", "corpus", "target")}
            for one in experiments
        },
        "titles": {model: TITLES[model] for model in sorted(models)}
        | {method: METHOD_TITLES[method] for method in own(config).methods},
        "sizes": {model: list(SIZES[model]) for model in sorted(models)},
        "demo": [corpus for corpus in held if getattr(config.corpora, corpus).root in PHYSIO_EDITIONS],
        "seeds": list(seeds_of(table, config)),
        "allow_incomplete": config.tables.allow_incomplete,
        "modalities": {name: asked["modalities"][name] for name in held},
        "model_settings": {model: asked[model] for model in sorted(models)},
        **{name: asked[name] for name in shared},
    }
