"""What a model of clips learns (paper, section 4.1): the L1 loss of the sentiment, or the cross-entropy of its sign.

What selects an epoch is the mean absolute error, or the accuracy, on the validation clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages.data import ClipBatch
from affectssm.settings.clips import Task


class Sentiment:
    """A task of the training loop, see ``loop.Task``.

    Args:
        model: of values and masks, see ``models/coupled_mamba.py``.
        task: regression or classification.
    """

    def __init__(self, model: nn.Module, task: Task) -> None:
        self.model, self.task = model, task
        self.score_name = "val_minus_mae" if task == "regression" else "val_accuracy"

    def to(self, device: torch.device) -> None:
        """Move the model to a device."""
        self.model.to(device)

    def losses(self, batch: ClipBatch, seed: int) -> dict[str, Tensor]:
        """The loss."""
        answer = self.model(batch.values, batch.mask)
        if self.task == "regression":
            return {"loss": functional.l1_loss(answer[:, 0], batch.target)}
        return {"loss": functional.cross_entropy(answer, batch.target)}

    def answer(self, batch: ClipBatch) -> tuple[Tensor, Tensor]:
        """What the model answers (B, K): the sentiment, or probabilities of the classes; and the targets."""
        answer = self.model(batch.values, batch.mask)
        answer = answer if self.task == "regression" else answer.softmax(dim=1)
        return answer.cpu(), batch.target.cpu()

    def score(self, answers: Sequence[Sequence[Tensor]]) -> float:
        """Minus the mean absolute error, or the accuracy, of all clips; NaN where an answer is not finite."""
        answer, target = (torch.cat(parts) for parts in zip(*answers, strict=True))
        if not answer.isfinite().all():
            return float("nan")
        if self.task == "regression":
            return -float((answer[:, 0].double() - target.double()).abs().mean())
        return float((answer.argmax(dim=1) == target).double().mean())


def recipe_of(settings: RunSettings, clips: int) -> dict[str, Any]:
    """Return the recipe of the training loop for so many clips to learn from."""
    asked, own = settings.training, settings.model_settings.model_dump()
    batch = own.get("batch") or settings.batch
    an_epoch = -(-clips // batch)
    shared = {"epochs", "weight_decay", "clip_norm", "scan_backend", "recompute", "precision"}
    given = asked.model_dump(include=shared)
    return given | {
        "learning_rate": own.get("learning_rate") or asked.learning_rate,
        "batch": batch,
        "steps_per_epoch": an_epoch,
        "steps": an_epoch * asked.epochs,
        "halved_every": an_epoch * (asked.halved_every or asked.epochs),
        "warmup_steps": 0,
        "coupled_decay": True,
        "ema_decay": 0.0,
        "ema_bias_correction": False,
        "workers": 0,
    }
