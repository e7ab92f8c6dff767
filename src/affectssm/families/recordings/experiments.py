"""Experiments by name: a model and a feature source; and what one run of it is told.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from affectssm.families.recordings.settings import own
from affectssm.settings.config import Config

FRAMES_TABLE, ITEMS_TABLE = "recordings_ccc", "recordings_items"
ITEM_MODELS = ("coupled_mamba", "attention_fusion")


@dataclass(frozen=True)
class Experiment:
    """A model on a feature source.

    Attributes:
        model: a name of the section's models, or of its items'.
        source: of features, a key of recordings.groups, or of its items'.
        variant: none so far.
    """

    model: str
    source: str
    variant: str = ""

    @property
    def per(self) -> str:
        """What its labels are of: frame or item."""
        return "item" if self.model in ITEM_MODELS else "frame"

    @property
    def name(self) -> str:
        """``{model}-{source}``."""
        return f"{self.model}-{self.source}"


def window_settings(config: Config, source: str, kinds: Sequence[str]) -> dict[str, Any]:
    """What the windows of a source are told."""
    asked = own(config)
    return {
        "kinds": list(kinds),
        "columns": list(labels_of(config).columns),
        "clock_hz": asked.clock_hz,
        "context": asked.context,
        "centre": asked.centre,
        "folds": asked.folds,
    }


def labels_of(config: Config) -> Any:
    """How labels are written down, as the section of the corpus says."""
    return vars(config.corpora)["folder"].labels


def run_settings(config: Config, experiment: Experiment, part: str, seed: int) -> dict[str, Any]:
    """What one run is told: everything that decides its result, and nothing else."""
    asked = own(config)
    labels = labels_of(config)
    return {
        "experiment": experiment.name,
        "model": experiment.model,
        "source": experiment.source,
        "part": part,
        "seed": seed,
        "range": list(labels.range) if labels.range is not None else None,
        "groups": asked.groups[experiment.source],
        "model_settings": getattr(asked, experiment.model).model_dump(mode="json"),
        "training": asked.training.model_dump(exclude={"workers"}),  # how, not what
    }


def cut_settings(config: Config, source: str) -> dict[str, Any]:
    """How recordings with a label as a whole are cut for a source of features."""
    asked = own(config).items
    groups = {modality: list(names) for modality, names in asked.groups[source].items()}
    return {"source": source, "groups": groups, "steps": asked.steps, "words": False}


def item_run_settings(config: Config, experiment: Experiment, seeds: Sequence[int]) -> dict[str, Any]:
    """What the runs of some seeds on recordings as a whole are told."""
    asked, labels = own(config).items, labels_of(config)
    return {
        "experiment": experiment.name,
        "model": experiment.model,
        "source": experiment.source,
        "groups": asked.groups[experiment.source],
        "seeds": list(seeds),
        "folds": own(config).folds,
        "model_settings": getattr(asked, experiment.model).model_dump(mode="json"),
        "batch": asked.batch,
        "training": asked.training.model_dump(mode="json"),
        **_of_labels(config),
        "range": list(labels.range) if labels.range is not None else None,
    }


def _of_labels(config: Config) -> dict[str, Any]:
    """What jobs on recordings as a whole are told of the labels."""
    asked, labels = own(config).items, labels_of(config)
    classes = sorted(set(labels.values.values())) if asked.task == "classification" else []
    return {"task": asked.task, "columns": list(labels.columns), "classes": classes}


def item_evaluation_settings(config: Config, experiment: Experiment, seeds: Sequence[int]) -> dict[str, Any]:
    """What the evaluation of recordings as a whole is told."""
    shared = {"experiment": experiment.name, "seeds": list(seeds), "folds": own(config).folds}
    return {**shared, **_of_labels(config)}


def evaluation_settings(config: Config, experiment: Experiment, seeds: Sequence[int]) -> dict[str, Any]:
    """What the evaluation of an experiment over some seeds is told."""
    return {
        "experiment": experiment.name,
        "columns": list(labels_of(config).columns),
        "seeds": list(seeds),
    }
