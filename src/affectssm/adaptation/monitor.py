"""Whether a model that adapts itself has collapsed: everything one class, nothing in doubt."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from affectssm.adaptation.losses import entropy_of

ONE_CLASS = 0.95  # share of one class from which a part of a stream counts as collapsed


@dataclass(frozen=True)
class Collapse:
    """A stream of predictions, as a whole and at its end (the last quarter)."""

    majority_share: float  # share of the most frequent class
    mean_entropy: float  # of the predictions, in nats
    late_majority_share: float
    late_mean_entropy: float

    @property
    def collapsed(self) -> bool:
        """Whether the end of the stream is (almost) all of one class."""
        return self.late_majority_share >= ONE_CLASS


def collapse(probabilities: Tensor) -> Collapse:
    """Look at predictions (n, N) in the order of the stream; n > 0."""
    late = probabilities[-max(1, len(probabilities) // 4) :]
    return Collapse(*_look(probabilities), *_look(late))


def _look(probabilities: Tensor) -> tuple[float, float]:
    counts = torch.bincount(probabilities.argmax(dim=1), minlength=probabilities.shape[1])
    return float(counts.max()) / len(probabilities), float(entropy_of(probabilities).mean())
