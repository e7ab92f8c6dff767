"""2LTTA (github ml4papers/2LTTA): weighted entropy within modalities, diverse predictions across them.

Level one is the entropy within a modality. Its code takes it on the output of one unimodal encoder (the visual one),
not on the joint answer; the nearest here are the answers of the modalities' own heads: of every modality, since any
may be missing, and a segment's mean over those that it has. ``entropy_of: joint`` takes the joint answer instead.
Entropies weigh exp(0.4 ln N - Ent), without gradient. Level two is the diversity of the joint answers over the batch.

It changes the norms, the output projections of a unimodal encoder's attention and those of the fusion: here
BatchNorms, the intra-modal BiMambas' output projections (of every modality; its code takes the visual one alone) and
both projections of the inter-modal BiMamba.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from affectssm.adaptation import losses, selection
from affectssm.adaptation.method import Method
from affectssm.models.segments import SegmentOutput, Segments, there


class TLTTA(Method):
    """See the module."""

    name = "tltta"
    needs = ("norms", "intra_out", "fusion_in", "fusion_out")

    def check(self, model: nn.Module) -> None:
        """Refuse a model without what the method needs, heads of the modalities where their entropies are taken."""
        super().check(model)
        if self.settings.tltta.entropy_of == "modalities":
            selection.require(self.name, model, ["modality_heads"])

    def update(self, segments: Segments, output: SegmentOutput) -> tuple[int, int]:
        own, logits = self.settings.tltta, output.logits
        made = self.step(self._entropy(segments, output) + own.diversity_weight * losses.diversity(logits))
        return made, made * len(logits)

    def _entropy(self, segments: Segments, output: SegmentOutput) -> Tensor:
        """Level one: the mean weighted entropy."""
        own = self.settings.tltta
        normal = own.entropy_margin * math.log(output.logits.shape[1])
        if own.entropy_of == "joint":
            return losses.weighted_entropy(output.logits, normal).mean()
        present = there(segments)
        return losses.mean_over_present(
            torch.stack([losses.weighted_entropy(x, normal) for x in output.modalities.values()]),
            torch.stack([present[name] for name in output.modalities]),
        )
