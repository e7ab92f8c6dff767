"""What Mamba-VA learns (paper, section 4.2): the sum of 1 - CCC of valence and of arousal over a batch's valid frames.

What selects an epoch is the mean of both CCCs (equation 3) of all valid frames of the videos held out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectssm.families.video.stages.frames import COLUMNS
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.index import WindowIndex
from affectssm.timeline.scaler import Scaler
from affectssm.timeline.stitch import overlaps
from affectssm.training.agreement import ccc as ccc_of_frames
from affectssm.training.losses import ccc_loss


class ValenceArousal:
    """A task of the training loop, see ``loop.Task``.

    Args:
        model: takes a FrameBatch.
        scaler: standardises the features, fitted on the videos to learn from.
        selecting: the windows that select; of a frame in two of them the first one answers, so that it counts once.
    """

    score_name = "val_ccc"

    def __init__(self, model: nn.Module, scaler: Scaler, selecting: WindowIndex) -> None:
        self.model, self.scaler = model, scaler
        self._overlap = torch.from_numpy(overlaps(selecting))

    def to(self, device: torch.device) -> None:
        """Move model and scaler to a device."""
        self.model.to(device)
        self.scaler = self.scaler.to(device)

    def losses(self, batch: NativeBatch, seed: int) -> dict[str, Tensor]:
        """The loss, and its part of each column."""
        predicted = self.model(batch.interpolate(self.scaler)).prediction
        own = {
            f"loss_{name}": ccc_loss(predicted[..., column], batch.label[..., column], batch.label_valid)
            for column, name in enumerate(COLUMNS)
        }
        return {"loss": torch.stack(list(own.values())).sum(), **own}

    def answer(self, batch: NativeBatch) -> tuple[Tensor, Tensor]:
        """Prediction and label (N, 2) of the valid frames that no window before has answered for, on the CPU."""
        predicted = self.model(batch.interpolate(self.scaler)).prediction.cpu()
        frame = torch.arange(predicted.shape[1])
        counts = batch.label_valid.cpu() & (frame >= self._overlap[batch.window.cpu()][:, None])
        return predicted[counts], batch.label.cpu()[counts]

    def score(self, answers: Sequence[Sequence[Tensor]]) -> float:
        """Mean over the columns of the CCC of all frames."""
        predicted, target = (torch.cat(parts).double().numpy() for parts in zip(*answers, strict=True))
        own = [ccc_of_frames(predicted[:, c], target[:, c]) for c in range(len(COLUMNS))]
        return sum(own) / len(own)
