"""What a model of dialogues learns: its loss, and the agreement that selects.

Letters as in losses.py: B windows of L clock frames, F label frames in a window's centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from affectssm.families.dialogue.stages.frames import FRAMES
from affectssm.families.dialogue.stages.models.output import FrameOutput
from affectssm.settings.dialogues import TrainingSettings
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.frame_batch import FrameBatch
from affectssm.timeline.scaler import Scaler
from affectssm.training.agreement import ccc as ccc_of_frames
from affectssm.training.losses import (
    at_label_frames,
    ccc_loss,
    info_nce,
    subsample,
    valid_at_label_frames,
)


class Dialogues:
    """A task of the training loop, see ``loop.Task``.

    Args:
        model: takes a FrameBatch.
        scaler: standardises the features, fitted on the training part.
        recipe: of the training.
        groups: modality group -> features.
        per_label: clock frames in a label frame.
    """

    score_name = "val_ccc"

    def __init__(
        self,
        model: nn.Module,
        scaler: Scaler,
        recipe: TrainingSettings,
        groups: Mapping[str, Sequence[str]],
        per_label: int,
    ) -> None:
        self.model, self.scaler, self.recipe, self.groups = model, scaler, recipe, groups
        self._where = per_label, FRAMES.middle

    def to(self, device: torch.device) -> None:
        """Move model and scaler to a device."""
        self.model.to(device)
        self.scaler = self.scaler.to(device)

    def losses(self, batch: NativeBatch, seed: int) -> dict[str, Tensor]:
        """The loss, one minus the CCC at the label frames, and the alignment of the modalities."""
        frames = batch.interpolate(self.scaler)
        output = self.model(frames)
        predicted = at_label_frames(output.prediction, *self._where)
        agreement = ccc_loss(predicted, batch.label, batch.label_valid)
        alignment = self._alignment(frames, output, torch.Generator().manual_seed(seed))
        loss = self.recipe.lambda_ccc * agreement + self.recipe.lambda_align * alignment
        return {"loss": loss, "loss_ccc": agreement, "loss_align": alignment}

    def _alignment(self, frames: FrameBatch, output: FrameOutput, generator: torch.Generator) -> Tensor:
        """Symmetric InfoNCE at the label frames at which both modality groups have something to say."""
        if output.audio is None or output.visual is None or self.recipe.lambda_align == 0:
            return output.prediction.new_zeros(())
        valid = frames.frame_valid
        for features in self.groups.values():
            valid = valid & torch.stack([frames.target[name].valid for name in features]).any(0)
        window, frame = subsample(
            valid_at_label_frames(valid, *self._where), self.recipe.negatives, generator
        )
        audio = at_label_frames(output.audio, *self._where)[window, frame]
        visual = at_label_frames(output.visual, *self._where)[window, frame]
        return info_nce(audio, visual, window, frame, self.recipe.temperature)

    def answer(self, batch: NativeBatch) -> tuple[Tensor, Tensor]:
        """Prediction and label at the valid label frames, on the CPU."""
        predicted = at_label_frames(self.model(batch.interpolate(self.scaler)).prediction, *self._where)
        return predicted[batch.label_valid].cpu(), batch.label[batch.label_valid].cpu()

    def score(self, answers: Sequence[Sequence[Tensor]]) -> float:
        """CCC of all frames; centres tile the recordings, so every frame counts once."""
        predicted, target = (torch.cat(parts).double().numpy() for parts in zip(*answers, strict=True))
        return ccc_of_frames(predicted, target)
