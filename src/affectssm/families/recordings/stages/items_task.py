"""What a model of recordings as a whole learns: the L1 loss of its labels, each in its own unit, or cross-entropy.

Labels are learnt standardised by those of the recordings that are learnt from, so that a range of any size is as easy.
What selects an epoch is minus the mean absolute error, or the accuracy, on the recordings held out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from affectssm.families.clips.stages.data import ClipBatch
from affectssm.families.recordings.run_settings import ItemLabels
from affectssm.families.recordings.stages.items import classes_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """Mean and deviation of each label, (C,) each: what an answer of 0 and a step of 1 stand for."""

    mean: Array
    std: Array

    @classmethod
    def of(cls, labels: Array) -> Units:
        """Those of labels (N, C); of a label that never changes, 1."""
        std = labels.std(axis=0)
        return cls(labels.mean(axis=0), np.where(std > 1e-12, std, 1.0))

    def standardised(self, labels: Array) -> NDArray[np.float32]:
        """(N, C) in the labels' unit -> in deviations from the mean."""
        return ((labels - self.mean) / self.std).astype(np.float32)

    def answers(self, standardised: NDArray[np.float32], limits: tuple[float, float] | None) -> Array:
        """(N, C) deviations from the mean -> in the labels' unit, within their range where there is one."""
        found = standardised.astype(np.float64) * self.std + self.mean
        return np.clip(found, *limits) if limits else found


class Whole:
    """A task of the training loop, see ``loop.Task``.

    Args:
        model: of values and masks, see ``families/clips/stages/models/coupled_mamba.py``.
        labels: what is learnt of them.
    """

    def __init__(self, model: nn.Module, labels: ItemLabels) -> None:
        self.model, self.classes = model, labels.task == "classification"
        self.score_name = "val_accuracy" if self.classes else "val_minus_mae"

    def to(self, device: torch.device) -> None:
        """Move the model to a device."""
        self.model.to(device)

    def losses(self, batch: ClipBatch, seed: int) -> dict[str, Tensor]:
        """The loss."""
        answer = self.model(batch.values, batch.mask)
        if self.classes:
            return {"loss": functional.cross_entropy(answer, batch.target)}
        return {"loss": functional.l1_loss(answer, batch.target)}

    def answer(self, batch: ClipBatch) -> tuple[Tensor, Tensor]:
        """What the model answers, standardised labels (B, C) or probabilities (B, K); and the targets."""
        answer = self.model(batch.values, batch.mask)
        return (answer.softmax(dim=1) if self.classes else answer).cpu(), batch.target.cpu()

    def score(self, answers: Sequence[Sequence[Tensor]]) -> float:
        """Minus the mean absolute error over all labels, or the accuracy; NaN where an answer is not finite."""
        answer, target = (torch.cat(parts) for parts in zip(*answers, strict=True))
        if not answer.isfinite().all():
            return float("nan")
        if self.classes:
            return float((answer.argmax(dim=1) == target).double().mean())
        return -float((answer.double() - target.double()).abs().mean())


def targets_of(labels: Array, told: ItemLabels, units: Units) -> NDArray[np.float32] | NDArray[np.int64]:
    """Return what is learnt of labels (N, C): them standardised, (N, C) float32, or (N,) numbers of classes."""
    if told.task == "classification":
        return np.searchsorted(classes_of(told), labels[:, 0]).astype(np.int64)
    return units.standardised(labels)
