"""Tensor Fusion Network (Zadeh et al., "Tensor Fusion Network for Multimodal Sentiment Analysis", 2017, section 4).

Written from the paper, in the sizes of MMSA. The outer product of [1; z] of all modalities holds every z alone and all
their products; two layers follow. The answer of a regression is not squeezed into the labels' range, as the paper's is
by a sigmoid: corpora differ in it.

Letters as in :mod:`affectssm.families.clips.stages.models.blocks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from torch import Tensor, nn

from affectssm.families.clips.stages.models.blocks import ClipModel
from affectssm.families.clips.stages.models.factors import Factors
from affectssm.settings.clip_baselines import TFNSettings


class TFN(ClipModel):
    """The model."""

    Settings = TFNSettings

    def build(self, settings: TFNSettings, dims: Mapping[str, int], outputs: int) -> None:
        self.factors = Factors(settings, dims)
        hidden = settings.fusion_hidden
        self.head = nn.Sequential(
            nn.Dropout(settings.fusion_dropout),
            nn.Linear(prod(self.factors.widths), hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, outputs),
        )  # fmt: skip

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Answer (B, K)."""
        return self.head(outer(self.factors(*self.steps(values, mask))))


def outer(factors: Iterable[Tensor]) -> Tensor:
    """Outer product of vectors (B, W_m), flattened with the last one's columns innermost: (B, product of all W_m)."""
    fused, *rest = factors
    for factor in rest:
        fused = (fused[:, :, None] * factor[:, None, :]).flatten(1)
    return fused
