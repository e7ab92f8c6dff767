"""Mamba-VA with any number of labels; its answers are bounded in evaluation alone, as they are there."""

from __future__ import annotations

from typing import Any

from affectssm.families.dialogue.stages.models.output import FrameOutput
from affectssm.families.recordings.stages.models.labels import IntoRanges, widen
from affectssm.families.video.stages.models.mamba_va import MambaVA
from affectssm.models.feature_groups import Stacks
from affectssm.settings.own_recordings import RangedMambaVA
from affectssm.timeline.frame_batch import FrameBatch


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
