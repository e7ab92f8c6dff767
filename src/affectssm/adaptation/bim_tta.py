"""BiM-TTA (Jia et al., NeurIPS 2025): two-level entropy filter and mutual information sharing.

In each of up to T rounds over a batch, of the samples not used yet those are used that are sure together (entropy of
the joint prediction at most gamma_m) and need several modalities (weighted entropy of the modalities' own predictions
at least gamma_u); so every sample takes part in one update at most. The thresholds are the samples' mean plus, or less,
beta_t times twice the entropies' variance. It changes the first convolutions, the input projection of the
inter-modal BiMamba and the BatchNorms' scale and shift.

Two things differ between the paper's text and the released code. The text multiplies a sample's L_mis by its own
weight alpha, the code the mean over the batch by every sample's: ``mutual_form``. A single sample that is left over
has no (unbiased) variance: the code's thresholds are NaN then and it is never learnt from; here its variance is 0, so
that it equals both thresholds and passes. A batch of one segment is such a sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from affectssm.adaptation import losses, selection
from affectssm.adaptation.method import Method
from affectssm.models.segments import SegmentOutput, Segments
from affectssm.settings.adaptation import BiMTTASettings


def beta(settings: BiMTTASettings, round_: int) -> float:
    """beta_t of round t = 1 to T.

    ``closed`` is what the authors run, beta + (1 - beta) t / T. ``recursion`` is what they print,
    beta_t = beta_(t-1) + (1 - beta_(t-1)) t / T, which is near one in half the rounds; they agree at t = 1 and t = T.
    """
    if settings.beta_form == "closed":
        return settings.beta + (1 - settings.beta) * round_ / settings.iterations
    value = settings.beta
    for t in range(1, round_ + 1):
        value += (1 - value) * t / settings.iterations
    return value


def two_level(joint: Tensor, alone: Sequence[Tensor], mu: Sequence[float], spread: float) -> Tensor:
    """Which samples are sure together and unsure by modality.

    Args:
        joint: (n,) entropies of the joint prediction.
        alone: (n,) entropies of every modality's own.
        mu: weight of every modality.
        spread: beta_t times the multiple of the variances (unbiased; 0 for a single sample, which then passes).

    Returns:
        (n,) bool.
    """
    weighted = sum((m * e for m, e in zip(mu, alone, strict=True)), torch.zeros_like(joint))
    variances = [m * _variance(e) for m, e in zip(mu, alone, strict=True)]
    sure = joint <= joint.mean() + spread * _variance(joint)
    rich = weighted >= weighted.mean() - spread * torch.stack(variances).sum()
    return sure & rich


def _variance(x: Tensor) -> Tensor:
    return x.var() if len(x) > 1 else x.new_zeros(())


class BiMTTA(Method):
    """See the module."""

    name = "bim_tta"
    needs = ("norms", "first_conv", "fusion_in")

    def check(self, model: nn.Module) -> None:
        """Refuse a model without what the method needs, two modalities among it that can share information."""
        super().check(model)
        selection.require(self.name, model, ["modality_heads"], least=2)

    def update(self, segments: Segments, output: SegmentOutput) -> tuple[int, int]:
        left = torch.ones(len(output.logits), dtype=torch.bool, device=output.logits.device)
        updates, used = 0, 0
        for round_ in range(1, self.settings.bim_tta.iterations + 1):
            chosen = left.clone()
            chosen[left] = self._filter(output, round_)
            if not chosen.any():
                continue  # neither the model nor what is left has changed, nor would its answer
            left &= ~chosen
            made = self.step(self.loss(self.model(_rows(segments, chosen))))
            updates, used = updates + made, used + made * int(chosen.sum())
            if not left.any():
                break
            with torch.no_grad():
                output = self.model(_rows(segments, left))
        return updates, used

    def loss(self, output: SegmentOutput) -> Tensor:
        """Mean over the samples of alpha (Ent + lambda L_mis), alpha with its gradient.

        L_mis is a sample's own (``mutual_form`` "sample": the paper's text) or the mean of all ("batch": the code).
        """
        own, p = self.settings.bim_tta, output.logits.softmax(dim=1)
        entropies = losses.entropy_of(p)
        weights = losses.confidence(entropies, own.entropy_margin * math.log(p.shape[1]))
        alone = [logits.softmax(dim=1) for logits in output.modalities.values()]
        shared = losses.mutual_information_sharing(p, alone)
        if own.mutual_form == "batch":
            shared = shared.mean()
        return (weights * (entropies + own.mutual_weight * shared)).mean()

    @torch.no_grad()
    def _filter(self, output: SegmentOutput, round_: int) -> Tensor:
        """Which samples pass in a round, by the answer to them of the model as it is now."""
        own = self.settings.bim_tta
        alone = {name: losses.entropy_of(x.softmax(dim=1)) for name, x in output.modalities.items()}
        joint = losses.entropy_of(output.logits.softmax(dim=1))
        spread = own.variance_weight * beta(own, round_)
        return two_level(joint, list(alone.values()), [own.mu.of(name) for name in alone], spread)


def _rows(segments: Segments, chosen: Tensor) -> Segments:
    return {name: x[chosen] for name, x in segments.items()}
