"""Experiments on trials of bio-signals, by name: a model, a variant of it, a corpus and a dimension.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from affectssm.families.biosignals.run_settings import ChoosingSettings, EvaluationSettings, RunSettings
from affectssm.families.biosignals.settings import own
from affectssm.settings.config import Config

CORPORA = ("deap", "mahnob")


@dataclass(frozen=True)
class TrialExperiment:
    """What is learnt from which trials.

    Attributes:
        model: a name of the vocabulary's models of bio-signals.
        corpus: deap or mahnob.
        dimension: valence or arousal.
        variant: "" is the model as configured; shuffled_labels exchanges labels between the trials of a subject.
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


def run_settings(config: Config, experiment: TrialExperiment, seed: int) -> RunSettings:
    """What the runs of a part are told."""
    asked = own(config)
    return RunSettings(
        experiment=experiment.name,
        model=experiment.model,
        variant=experiment.variant,
        corpus=experiment.corpus,
        dimension=experiment.dimension,
        seed=seed,
        modalities=getattr(asked.modalities, experiment.corpus),
        rate_hz=asked.epochs.rate_hz,
        protocol=asked.protocol,
        model_settings=getattr(asked, experiment.model),
        training=asked.training,
    )


def adaptation_settings(config: Config, corpus: str) -> ChoosingSettings:
    """What adaptation on a corpus is told beside its runs."""
    asked = own(config)
    return ChoosingSettings(
        methods=asked.methods,
        adaptation=asked.adaptation,
        missing=asked.missing,
        choice=asked.choice,
        modalities=getattr(asked.modalities, corpus),
    )


def evaluation_settings(
    config: Config, experiment: TrialExperiment, seeds: Sequence[int]
) -> EvaluationSettings:
    """What the evaluation of an experiment over some seeds is told."""
    return EvaluationSettings(
        experiment=experiment.name,
        corpus=experiment.corpus,
        dimension=experiment.dimension,
        seeds=tuple(seeds),
        protocol=own(config).protocol,
    )
