"""DAT with any number of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from affectssm.families.dialogue.stages.models.dat import DAT
from affectssm.families.dialogue.stages.models.output import FrameOutput
from affectssm.families.recordings.stages.models.labels import IntoRanges, widen
from affectssm.models.feature_groups import Stacks
from affectssm.settings.own_recordings import RangedDAT
from affectssm.timeline.frame_batch import FrameBatch


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
