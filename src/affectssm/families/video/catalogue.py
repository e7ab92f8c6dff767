"""Which tables of video there are, which experiments each is made of, and what its builder is told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from typing import Any

from affectssm.families.video.experiments import MODEL, OFFICIAL, Experiment, forward_fill, model_settings
from affectssm.families.video.settings import own
from affectssm.settings.config import Config
from affectssm.settings.groups import features_of
from affectssm.vocabulary.corpora import AFFWILD2_EDITIONS
from affectssm.vocabulary.features import kinds_of
from affectssm.vocabulary.models import TITLES
from affectssm.vocabulary.targets import named

CORPUS = "affwild2"
HOLDS = {"crops": "crops", "video": "videos", "audio": "videos"}  # kind -> the part of the corpus it lies in
CONTROLS = ("", "exchanged", "tcn", "mamba", "other_init", "other_fill")


def _affwild2_va(config: Config) -> list[Experiment]:
    asked = own(config)
    official = tuple(fold for fold in asked.folds if fold == OFFICIAL)
    cross = tuple(fold for fold in asked.folds if fold != OFFICIAL)
    divided = [folds for folds in (official, cross) if folds]
    found = [Experiment("", source, folds) for source in asked.sources for folds in divided]
    return found + [Experiment(row, source, (OFFICIAL,)) for source in asked.sources for row in asked.rows]


def _affwild2_controls(config: Config) -> list[Experiment]:
    asked = own(config)
    source = asked.sources[0]
    return [Experiment(variant, source, (OFFICIAL,)) for variant in CONTROLS]


LABELLED_SPLITS = ("train", "val")
CONTROLS_TABLE = "affwild2_controls"
_EXPERIMENTS = {"affwild2_va": _affwild2_va, CONTROLS_TABLE: _affwild2_controls}
TABLES = tuple(_EXPERIMENTS)


def experiments_of(table: str, config: Config) -> list[Experiment]:
    """The experiments whose metrics a table is made of, in the order of its rows.

    Raises:
        ConfigError: for an unknown table.
    """
    return named(_EXPERIMENTS, table, "table")(config)


def seeds_of(table: str, config: Config) -> tuple[int, ...]:
    """The seeds whose runs a table averages."""
    return own(config).control_seeds if table == CONTROLS_TABLE else own(config).seeds


def table_settings(config: Config, table: str) -> dict[str, Any]:
    """What a table is told: its experiments, how to describe them, and whether gaps are allowed."""
    experiments = experiments_of(table, config)
    held = getattr(config.corpora, CORPUS).root
    return {
        "table": table,
        "scale": config.scale,
        "experiments": [one.name for one in experiments],
        "described": {one.name: described(one, config) for one in experiments},
        "titles": {MODEL: TITLES[MODEL]},
        "weights": config.features.weights,
        "demo": [CORPUS] if held in AFFWILD2_EDITIONS else [],
        "seeds": list(seeds_of(table, config)),
        "allow_incomplete": config.tables.allow_incomplete,
    }


def described(experiment: Experiment, config: Config) -> dict[str, Any]:
    """What a table is told of one of its experiments."""
    asked = own(config)
    model = model_settings(asked, experiment)
    return {
        "variant": experiment.variant,
        "source": experiment.source,
        "folds": list(experiment.folds),
        "features": features_of(asked.groups[experiment.source]),
        "parts": model["parts"],
        "init": model["init"],
        "bidirectional": model["bidirectional"],
        "forward_fill": forward_fill(asked, experiment),
        "windows": {str(fold): asked.recipe(fold).length for fold in experiment.folds},
    }


def require_held(config: Config) -> None:
    """Refuse sources and an official fold of parts of the corpus that are not held.

    Raises:
        ValueError: for the first of them.
    """
    asked = own(config)
    lacks = getattr(config.corpora, CORPUS).lacks
    for source in asked.sources:
        for kind in kinds_of(features_of(asked.groups[source])):
            if (part := HOLDS.get(kind)) in lacks:
                other = "mae_video" if part == "crops" else "mae"
                raise ValueError(
                    f"video.sources of what is held; {source}, of {part}, which corpora.{CORPUS}.lacks; "
                    f"leave it out of video.sources, or take [{other}], which needs no {part}"
                )
    learned = [split for split in ("train", "val") if split in lacks]
    if learned and OFFICIAL in asked.folds:
        raise ValueError(
            f"train and val for fold {OFFICIAL}, the official split; corpora.{CORPUS}.lacks has "
            f"{', '.join(learned)}; leave {OFFICIAL} out of video.folds"
        )
