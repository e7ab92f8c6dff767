"""Tensor Fusion Network (Zadeh et al., "Tensor Fusion Network for Multimodal Sentiment Analysis", 2017, section 4).

Written from the paper, in the sizes of MMSA. The outer product of [1; z] of all modalities holds every z alone and all
their products; two layers follow. The answer of a regression is not squeezed into the labels' range, as the paper's is
by a sigmoid: corpora differ in it.

B clips, L steps, D_m columns of a modality, K answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from torch import Tensor, nn

from affectssm.families.clips.stages.models.factors import Factors
from affectssm.settings.clip_baselines import TFNSettings


class TFN(nn.Module):
    """The model: see ``forward``.

    Args:
        settings: sizes.
        dims: modality -> its columns; any of text, audio and vision.
        outputs: K.
    """

    Settings = TFNSettings

    def __init__(self, settings: TFNSettings, dims: Mapping[str, int], outputs: int) -> None:
        super().__init__()
        self.factors = Factors(settings, dims)
        hidden = settings.fusion_hidden
        self.head = nn.Sequential(
            nn.Dropout(settings.fusion_dropout),
            nn.Linear(prod(self.factors.widths.values()), hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, outputs),
        )  # fmt: skip

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Values (B, L, D_m) and masks (B, L), True where a step counts, to (B, K)."""
        return self.head(outer(self.factors(values, mask).values()))


def outer(factors: Iterable[Tensor]) -> Tensor:
    """Outer product of vectors (B, W_m), flattened with the last one's columns innermost: (B, product of all W_m)."""
    fused, *rest = factors
    for factor in rest:
        fused = (fused[:, :, None] * factor[:, None, :]).flatten(1)
    return fused
