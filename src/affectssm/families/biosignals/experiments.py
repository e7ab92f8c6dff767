"""Experiments on trials of bio-signals, by name: a model, a variant of it, a corpus and a dimension.

Light on purpose (no torch): the workflow reads it when it builds its graph.
"""

from __future__ import annotations

from dataclasses import dataclass

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
