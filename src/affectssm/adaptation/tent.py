"""Tent (Wang et al., ICLR 2021): the mean entropy of a batch falls, by scale and shift of the BatchNorms.

Its code forces the test batch's statistics and scores before the update; here ``bn_stats`` and ``predict`` decide that
for all methods alike. Its BatchNorms are 2-D alone, here of any dimension.
"""

from __future__ import annotations

from affectssm.adaptation import losses
from affectssm.adaptation.method import Method
from affectssm.models.segments import SegmentOutput, Segments


class Tent(Method):
    """See the module."""

    name = "tent"
    needs = ("norms",)

    def update(self, segments: Segments, output: SegmentOutput) -> tuple[int, int]:
        made = self.step(losses.entropy(output.logits).mean())
        return made, made * len(output.logits)
