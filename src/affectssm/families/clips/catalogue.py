"""Which tables of clips there are, which experiments each is made of, and what its builder is told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from affectssm.families.clips.experiments import (
    ALONE,
    CORPORA,
    EXCHANGED,
    MODEL,
    TOKEN_FEATURES,
    TUNED,
    WITHOUT,
    Experiment,
    modalities_of,
)
from affectssm.families.clips.settings import ClipsSettings, own
from affectssm.families.clips.stages.modalities import MODALITIES
from affectssm.settings.clips import Task
from affectssm.settings.config import Config
from affectssm.settings.groups import features_of
from affectssm.vocabulary.corpora import NO_CORPUS, SENTIMENT_EDITIONS
from affectssm.vocabulary.models import TITLES
from affectssm.vocabulary.targets import named

EFFICIENCY = "coupled_efficiency"
PUBLISHED_SOURCE = "unaligned"  # of the paper's classification (tables 3, 4) and ablations (6 to 9)
_MAIN: dict[str, tuple[str, Task]] = {
    "mosei_regression": ("mosei", "regression"),
    "sims_regression": ("sims", "regression"),
    "simsv2_regression": ("simsv2", "regression"),
    "mosei_classification": ("mosei", "classification"),
    "sims_classification": ("sims", "classification"),
}
_ABLATIONS = ("coupled_attention", "coupled_timescale", "coupled_state", "coupled_fusion", "coupled_controls")
TABLES = (*_MAIN, *_ABLATIONS, EFFICIENCY)
_FUSIONS = ("average_fusion", "concat_fusion", "mamba_fusion", MODEL)


def _varied(asked: ClipsSettings, name: str, values: tuple[Any, ...]) -> list[tuple[str, str]]:
    """The model with each value of one of its settings; as configured where it has that one."""
    own_value = getattr(asked.coupled_mamba, name)
    return [(MODEL, "" if value == own_value else f"{name}_{value}") for value in values]


def _rows(asked: ClipsSettings, table: str) -> list[tuple[str, str]]:
    """(model, variant) of each row of an ablation."""
    return {
        "coupled_attention": lambda: [("attention_fusion", ""), (MODEL, "")],
        "coupled_timescale": lambda: _varied(asked, "dt_rank", asked.dt_ranks),
        "coupled_state": lambda: _varied(asked, "d_state", asked.d_states),
        "coupled_fusion": lambda: [
            *((model, "") for model in _FUSIONS),
            *_varied(
                asked, "coupling", tuple(c for c in asked.couplings if c != asked.coupled_mamba.coupling)
            ),
        ],
        "coupled_controls": lambda: [
            (MODEL, variant)
            for variant in (
                "",
                EXCHANGED,
                *(f"{how}{name}" for how in (ALONE, WITHOUT) for name in MODALITIES),
            )
        ],
    }[table]()


def learnt_in(table: str) -> tuple[str, Task]:
    """The corpus and the task of a table's experiments."""
    return _MAIN.get(table, ("mosei", "regression"))


def experiments_of(table: str, config: Config) -> list[Experiment]:
    """The experiments whose metrics a table is made of, row by row; corpora that are not held have none.

    Raises:
        ConfigError: for an unknown table.
    """
    return list(_experiments(named(dict.fromkeys(TABLES, table), table, "table"), config))


def _experiments(table: str, config: Config) -> Iterator[Experiment]:
    asked = own(config)
    corpus, task = learnt_in(table)
    if table == EFFICIENCY or getattr(config.corpora, corpus).root == NO_CORPUS:
        return
    sources = getattr(asked.sources, corpus)
    if table not in _MAIN or task == "classification":
        sources = (PUBLISHED_SOURCE,) if PUBLISHED_SOURCE in sources else sources[:1]
    for source in sources:
        rows = _rows(asked, table) if table in _ABLATIONS else [(model, "") for model in asked.models]
        rows += [(MODEL, TUNED)] if table in _MAIN and asked.tune_text and source in TOKEN_FEATURES else []
        for model, variant in rows:
            one = Experiment(model, corpus, source, task, variant)
            if modalities_of(asked, one):
                yield one


def sources_read(config: Config) -> Mapping[str, tuple[str, ...]]:
    """The sources of each corpus that is held and that its tables read."""
    asked = own(config)
    return {
        corpus: getattr(asked.sources, corpus)
        for corpus in CORPORA
        if getattr(config.corpora, corpus).root != NO_CORPUS
    }


def table_settings(config: Config, table: str) -> dict[str, Any]:
    """What a table is told: its experiments, how to describe them, and whether gaps are allowed."""
    asked, experiments = own(config), experiments_of(table, config)
    held = sources_read(config)
    return {
        "table": table,
        "scale": config.scale,
        "experiments": [one.name for one in experiments],
        "described": {one.name: described(one) for one in experiments},
        "titles": {one.model: TITLES[one.model] for one in experiments},
        "features": {one.source: features_of(asked.groups[one.source]) for one in experiments},
        "model_settings": {MODEL: asked.coupled_mamba.model_dump(mode="json")},
        "weights": config.features.weights,
        "demo": [name for name in held if getattr(config.corpora, name).root in SENTIMENT_EDITIONS],
        "seeds": list(asked.seeds),
        "allow_incomplete": config.tables.allow_incomplete,
    }


def described(experiment: Experiment) -> dict[str, Any]:
    """What a table is told of one of its experiments."""
    return {name: getattr(experiment, name) for name in ("model", "variant", "corpus", "source", "task")}
