"""Experiments on trials of bio-signals, by name: a model, a variant of it, a corpus and a dimension.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from affectssm.errors import ConfigError
from affectssm.settings.config import Config
from affectssm.timeline.dimensions import DIMENSIONS

CORPORA = ("deap", "mahnob")
MODELS = ("bimamba_tta", "tsception", "lggnet", "mambaformer")
VARIANTS = ("", "shuffled_labels")  # labels exchanged between the trials of a subject


@dataclass(frozen=True)
class TrialExperiment:
    """What is learnt from which trials.

    Attributes:
        model: one of MODELS.
        corpus: deap or mahnob.
        dimension: valence or arousal.
        variant: one of VARIANTS; "" is the model as configured.
    """

    model: str
    corpus: str
    dimension: str
    variant: str = ""

    @property
    def target(self) -> str:
        """The column of a table it fills: ``{corpus}_{dimension}``."""
        return f"{self.corpus}_{self.dimension}"

    @property
    def name(self) -> str:
        """``{model}[+{variant}]-{corpus}_{dimension}``."""
        return self.model + (f"+{self.variant}" if self.variant else "") + f"-{self.target}"


def parse(name: str) -> TrialExperiment:
    """The experiment with this name.

    Raises:
        ConfigError: when there is none; the nearest names are listed.
    """
    known = {
        found.name: found
        for model in MODELS
        for variant in VARIANTS
        for corpus in CORPORA
        for dimension in DIMENSIONS
        if model == "bimamba_tta" or not variant
        for found in [TrialExperiment(model, corpus, dimension, variant)]
    }
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3) or sorted(known)
    raise ConfigError(
        f"experiment {name}", "no experiment of this name", f"one of {', '.join(near)}", "mend the name"
    )


def run_settings(config: Config, experiment: TrialExperiment, seed: int) -> dict[str, Any]:
    """What the runs of a part are told: everything that decides their result, and nothing else."""
    asked = config.physiology
    return {
        "experiment": experiment.name,
        "model": experiment.model,
        "variant": experiment.variant,
        "corpus": experiment.corpus,
        "dimension": experiment.dimension,
        "seed": seed,
        "modalities": list(getattr(asked.modalities, experiment.corpus)),
        "rate_hz": asked.epochs.rate_hz,
        "protocol": asked.protocol.model_dump(mode="json"),
        "model_settings": getattr(asked, experiment.model).model_dump(mode="json"),
        "training": asked.training.model_dump(mode="json"),
    }


def adaptation_settings(config: Config, corpus: str) -> dict[str, Any]:
    """What adaptation on a corpus is told beside its runs: methods, streams, patterns and how to choose."""
    asked = config.physiology
    return {
        "methods": list(asked.methods),
        "adaptation": asked.adaptation.model_dump(mode="json"),
        "missing": asked.missing.model_dump(mode="json"),
        "choice": asked.choice.model_dump(mode="json"),
        "modalities": list(getattr(asked.modalities, corpus)),
    }


def evaluation_settings(config: Config, experiment: TrialExperiment, seeds: Sequence[int]) -> dict[str, Any]:
    """What the evaluation of an experiment over some seeds is told."""
    return {
        "experiment": experiment.name,
        "corpus": experiment.corpus,
        "dimension": experiment.dimension,
        "seeds": list(seeds),
        "protocol": config.physiology.protocol.model_dump(mode="json"),
    }
