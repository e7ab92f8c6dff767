"""2LTTA (github ml4papers/2LTTA): weighted entropy within modalities, diverse predictions across them.

Entropies weigh exp(0.4 ln N - Ent), without gradient. It changes the norms, the output projections of a
unimodal encoder's attention and those of the fusion: here BatchNorms, the intra-modal BiMambas' output projections (of
every modality, since any may be missing; its code takes the visual one alone) and both projections of the inter-modal
BiMamba.
"""

from __future__ import annotations

import math

from affectssm.adaptation import losses, selection
from affectssm.adaptation.method import Method
from affectssm.models.signals import SignalOutput, Signals


class TLTTA(Method):
    """See the module."""

    name = "tltta"
    needs = ("norms", "intra_out", "fusion_in", "fusion_out")

    def collect(self) -> selection.Parameters:
        roles = selection.roles(self.model)
        parts = [module for role in ("intra_out", "fusion_in", "fusion_out") for module in roles[role]]
        return selection.parameters(self.model, [*selection.norms(self.model), *parts])

    def update(self, signals: Signals, output: SignalOutput) -> tuple[int, int]:
        own, logits = self.settings.tltta, output.logits
        entropies = losses.entropy(logits)
        weights = losses.confidence(entropies.detach(), own.entropy_margin * math.log(logits.shape[1]))
        made = self.step((weights * entropies).mean() + own.diversity_weight * losses.diversity(logits))
        return made, made * len(logits)
