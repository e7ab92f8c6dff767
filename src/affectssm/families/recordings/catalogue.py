"""Which tables of one's own recordings there are, which experiments each is made of, and what its builder is told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from typing import Any

from affectssm.families.recordings.experiments import FRAMES_TABLE, ITEMS_TABLE, Experiment, labels_of
from affectssm.families.recordings.settings import own
from affectssm.settings.config import Config
from affectssm.settings.groups import features_of
from affectssm.vocabulary.corpora import NO_CORPUS
from affectssm.vocabulary.models import TITLES
from affectssm.vocabulary.targets import named

CORPUS = "folder"
PER = {FRAMES_TABLE: "frame", ITEMS_TABLE: "item"}
"""Table -> what its labels are of."""
TABLES = tuple(PER)
SIX_LINES = (
    "write into a file of your own, lab.yaml:\n"
    "  scale: tiny\n"
    "  families: [recordings]\n"
    "  corpora:\n"
    "    folder: {root: /data/mine, table: recordings.csv}\n"
    "and give it with --configfile lab.yaml; the table has a line a participant, with columns recording, participant, "
    "video, labels (README, Your own recordings)"
)


def held(config: Config) -> bool:
    """Whether there are recordings."""
    return vars(config.corpora)[CORPUS].root != NO_CORPUS


def experiments_of(table: str, config: Config) -> list[Experiment]:
    """The experiments whose metrics a table is made of, in the order of its rows; none of labels that there are not.

    Raises:
        ConfigError: for an unknown table.
    """
    per = named(PER, table, "table")
    asked = own(config) if per == "frame" else own(config).items
    if not held(config) or labels_of(config).per != per:
        return []
    return [Experiment(model, source) for model in asked.models for source in asked.sources]


def table_settings(config: Config, table: str) -> dict[str, Any]:
    """What a table is told: its experiments, how to describe them, and whether gaps are allowed."""
    asked, experiments = own(config), experiments_of(table, config)
    labels = labels_of(config)
    return {
        "table": table,
        "scale": config.scale,
        "experiments": [one.name for one in experiments],
        "described": {one.name: described(one, config) for one in experiments},
        "titles": {one.model: TITLES[one.model] for one in experiments},
        "weights": config.features.weights,
        "columns": list(labels.columns),
        "task": asked.items.task if PER[table] == "item" else "regression",
        "range": list(labels.range) if labels.range is not None else None,
        "bounded": PER[table] == "frame",
        "demo": [],
        "seeds": list(asked.seeds),
        "allow_incomplete": config.tables.allow_incomplete,
    }


def described(experiment: Experiment, config: Config) -> dict[str, Any]:
    """What a table is told of one of its experiments."""
    return {
        "model": experiment.model,
        "source": experiment.source,
        "features": features_of(groups_of(config, experiment)),
        "notes": [UNSEEN] if experiment.model == "mamba_va" else [],
    }


UNSEEN = "the model does not see partners"


def groups_of(config: Config, experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The groups of features of an experiment's source."""
    asked = own(config)
    return (asked.groups if experiment.per == "frame" else asked.items.groups)[experiment.source]
