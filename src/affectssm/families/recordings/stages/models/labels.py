"""The models of dialogues and of video with any number of labels, each in a range of its own.

The networks are theirs but for the last linear layer, which has an output a label. What they answer in their own range
(0 to 1, Mamba-VA -1 to 1) is moved into that of each label. Mamba-VA's answers are bounded in evaluation alone, as they
are there.

B windows, L frames, C labels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from torch import Tensor, nn, tensor

from affectssm.families.dialogue.stages.models.da_mamba import DAMamba
from affectssm.families.dialogue.stages.models.dat import DAT
from affectssm.families.dialogue.stages.models.output import FrameOutput
from affectssm.families.video.stages.models.mamba_va import MambaVA
from affectssm.models.feature_groups import Stacks
from affectssm.settings.own_recordings import RangedDAMamba, RangedDAT, RangedMambaVA, Ranges
from affectssm.timeline.frame_batch import FrameBatch


class IntoRanges(nn.Module):
    """Moves answers from a model's range into those of the labels.

    Args:
        ranges: lowest and highest value of each label.
        low, high: of the model's own answers.
    """

    def __init__(self, ranges: Ranges, low: float, high: float) -> None:
        super().__init__()
        lowest, highest = tensor(ranges).T
        scale = (highest - lowest) / (high - low)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("shift", lowest - low * scale, persistent=False)

    def forward(self, answers: Tensor) -> Tensor:
        """(B, L, C), of one label (B, L) as well, -> the same."""
        scale, shift = cast(Tensor, self.scale), cast(Tensor, self.shift)
        if answers.dim() == 2:
            return answers * scale[0] + shift[0]
        return answers * scale + shift


def widen(layers: nn.Sequential, outputs: int) -> None:
    """Put a linear layer with so many outputs in the place of the last one."""
    number, last = [(n, layer) for n, layer in enumerate(layers) if isinstance(layer, nn.Linear)][-1]
    layers[number] = nn.Linear(last.in_features, outputs)


class LabelledDAMamba(DAMamba):
    """DA-Mamba: (B, L), of several labels (B, L, C)."""

    Settings = RangedDAMamba  # type: ignore[assignment]  # needs more than its base does

    def build(self, settings: Any, stacks: Stacks) -> None:
        super().build(settings, stacks)
        for head in self.heads:
            widen(cast(Any, head).score, len(settings.ranges))
        self.into_ranges = IntoRanges(settings.ranges, 0.0, 1.0)

    def forward(self, batch: FrameBatch) -> FrameOutput:
        """The labels of the target at every frame."""
        answer = super().forward(batch)
        return replace(answer, prediction=self.into_ranges(answer.prediction))


class LabelledDAT(DAT):
    """DAT: (B, L), of several labels (B, L, C)."""

    Settings = RangedDAT  # type: ignore[assignment]  # needs more than its base does

    def build(self, settings: Any, stacks: Stacks) -> None:
        super().build(settings, stacks)
        widen(self.score, len(settings.ranges))
        self.into_ranges = IntoRanges(settings.ranges, 0.0, 1.0)

    def forward(self, batch: FrameBatch) -> FrameOutput:
        """The labels of the target at every frame."""
        answer = super().forward(batch)
        return replace(answer, prediction=self.into_ranges(answer.prediction))


class LabelledMambaVA(MambaVA):
    """Mamba-VA, which sees the target alone: (B, L, C)."""

    Settings = RangedMambaVA  # type: ignore[assignment]  # needs more than its base does

    def build(self, settings: Any, stacks: Stacks) -> None:
        super().build(settings, stacks)
        widen(self.network.head, len(settings.ranges))
        self.into_ranges = IntoRanges(settings.ranges, -1.0, 1.0)

    def forward(self, batch: FrameBatch) -> FrameOutput:  # type: ignore[override]
        """The labels of the target at every frame."""
        return FrameOutput(self.into_ranges(super().forward(batch).prediction))
