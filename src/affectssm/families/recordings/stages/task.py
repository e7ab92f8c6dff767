"""What a model of labels per frame learns: 1 - CCC of each label, and the alignment of the modalities as for dialogues.

What selects an epoch is the mean of the labels' CCCs over all valid label frames of the recordings held out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from affectssm.families.dialogue.stages.task import Dialogues
from affectssm.settings.dialogues import TrainingSettings
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.index import WindowIndex
from affectssm.timeline.scaler import Scaler
from affectssm.training.agreement import ccc as ccc_of_frames
from affectssm.training.losses import at_label_frames, ccc_loss


class Labels(Dialogues):
    """A task of the training loop, see ``loop.Task``.

    Args:
        model: takes a FrameBatch.
        scaler: standardises the features, fitted on the recordings to learn from.
        recipe: of the training.
        groups: modality group -> features, as the model has them.
        index: of the windows: labels, clock and centre.
    """

    def __init__(
        self,
        model: nn.Module,
        scaler: Scaler,
        recipe: TrainingSettings,
        groups: Mapping[str, Sequence[str]],
        index: WindowIndex,
    ) -> None:
        super().__init__(model, scaler, recipe, groups, index.per_label)
        self._where = index.per_label, index.frames.middle
        self.columns = index.frames.columns

    def losses(self, batch: NativeBatch, seed: int) -> dict[str, Tensor]:
        """The loss: the sum over the labels, and the alignment; and its parts."""
        frames = batch.interpolate(self.scaler)
        output = self.model(frames)
        predicted = self._by_column(at_label_frames(output.prediction, *self._where))
        label = self._by_column(batch.label)
        own = {
            f"loss_{name}": ccc_loss(predicted[..., at], label[..., at], batch.label_valid)
            for at, name in enumerate(self.columns)
        }
        alignment = self._alignment(frames, output, torch.Generator().manual_seed(seed))
        agreement = torch.stack(list(own.values())).sum()
        loss = self.recipe.lambda_ccc * agreement + self.recipe.lambda_align * alignment
        return {"loss": loss, **own, "loss_align": alignment}

    def _by_column(self, frames: Tensor) -> Tensor:
        """(B, F), or (B, F, C), -> (B, F, C)."""
        return frames.reshape(*frames.shape[:2], len(self.columns))

    def score(self, answers: Sequence[Sequence[Tensor]]) -> float:
        """Mean over the labels of the CCC of all frames; centres tile the recordings, so every frame counts once."""
        predicted, target = (
            torch.cat(parts).double().reshape(-1, len(self.columns)).numpy()
            for parts in zip(*answers, strict=True)
        )
        own = [ccc_of_frames(predicted[:, at], target[:, at]) for at in range(len(self.columns))]
        return sum(own) / len(own)
