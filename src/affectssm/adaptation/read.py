"""READ (Yang et al., ICLR 2024): the sure become surer, the unsure are left alone, and classes stay balanced.

It changes query, key and value of the one attention that fuses two modalities. The inter-modal BiMamba has none; its
input and output projections take that place.
"""

from __future__ import annotations

from affectssm.adaptation import losses
from affectssm.adaptation.method import Method
from affectssm.models.segments import SegmentOutput, Segments


class READ(Method):
    """See the module."""

    name = "read"
    needs = ("fusion_in", "fusion_out")

    def update(self, segments: Segments, output: SegmentOutput) -> tuple[int, int]:
        own, logits = self.settings.read, output.logits
        loss = losses.confidence_aware(logits, own.log_gamma).mean()
        made = self.step(loss - own.balance_weight * losses.balance(logits))
        return made, made * len(logits)
