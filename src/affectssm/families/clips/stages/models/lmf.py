"""Low-rank Multimodal Fusion (Liu et al., "Efficient Low-rank Multimodal Fusion With Modality-Specific Factors", 2018).

Written from the paper (section 3.2, equation 6), in the sizes of MMSA. A linear layer over TFN's tensor whose weights
are a sum of R products of a vector a modality, so that the tensor is never made:

    answer = bias + sum_r w_r prod_m (W_m,r z_m)        z_m: [1; z] of modality m

with a weight w_r a product, as in the released code. There are no layers after it.

B clips, L steps, D_m columns of a modality, K answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectssm.families.clips.stages.models.factors import Factors
from affectssm.settings.clip_baselines import LMFSettings


class LMF(nn.Module):
    """The model: see ``forward``.

    Args:
        settings: rank and sizes.
        dims: modality -> its columns; any of text, audio and vision.
        outputs: K.
    """

    Settings = LMFSettings

    def __init__(self, settings: LMFSettings, dims: Mapping[str, int], outputs: int) -> None:
        super().__init__()
        self.factors = Factors(settings, dims)
        rank = settings.rank
        self.weights = nn.ParameterDict({
            name: nn.Parameter(nn.init.xavier_normal_(torch.empty(rank, width, outputs)))
            for name, width in self.factors.widths.items()
        })  # fmt: skip
        self.mix = nn.Parameter(nn.init.xavier_normal_(torch.empty(1, rank)))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Values (B, L, D_m) and masks (B, L), True where a step counts, to (B, K)."""
        found = self.factors(values, mask)
        seen = torch.stack([z @ self.weights[name] for name, z in found.items()])  # (M, R, B, K)
        return torch.einsum("r,rbk->bk", self.mix[0], seen.prod(0)) + self.bias
