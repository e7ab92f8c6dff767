"""The hybrid block of DA-Mamba: chunked local attention beside a global branch, then a feed-forward layer.

    y = x + g * LocalAttention(LN x) + (1 - g) * Global(LN x)        out = y + FFN(LN y)

Global is BiMamba (backbone ``mamba``) or attention over the whole window (backbone ``transformer``); g is a learned
gate a channel, 1/2 at first; without local attention the global branch stands alone.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from affectssm.models.attention import Attention
from affectssm.models.dropout import Dropout
from affectssm.models.feed_forward import FeedForward
from affectssm.models.recompute import BLOCKS
from affectssm.settings.dialogues import DAMambaSettings
from affectssm.ssm.mamba import BiMamba


def _global_branch(settings: DAMambaSettings) -> BiMamba | Attention:
    """Both kinds are called with (x, mask)."""
    if settings.backbone == "transformer":
        return Attention(settings.d_model, settings.heads)
    return BiMamba(settings.d_model, settings.d_state, settings.d_conv, settings.expand)


class HybridBlock(nn.Module):
    """One block over (B, L, d); ``local=False`` leaves the local attention out whatever the settings say."""

    recomputed = BLOCKS

    def __init__(self, settings: DAMambaSettings, local: bool = True) -> None:
        super().__init__()
        d = settings.d_model
        self.norm = nn.LayerNorm(d)
        self.mixer = _global_branch(settings)
        self.local: Attention | None = None
        if local and settings.local_attention:
            self.local = Attention(d, settings.heads, chunk=settings.chunk)
            self.gate = nn.Parameter(torch.zeros(d))
        self.feed_forward = FeedForward(d, settings.ffn * d, settings.dropout)
        self.dropout = Dropout(settings.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, d) and mask (B, L), True where a frame counts -> (B, L, d)."""
        return self.feed_forward(x + self.dropout(self._mixed(self.norm(x), mask)))

    def _mixed(self, normed: Tensor, mask: Tensor | None) -> Tensor:
        """Both branches, weighed."""
        if self.local is None:
            return self.mixer(normed, mask)
        share = torch.sigmoid(self.gate)
        return _weighed(1 - share, self.mixer, normed, mask) + _weighed(share, self.local, normed, mask)


def _weighed(share: Tensor, branch: BiMamba | Attention, normed: Tensor, mask: Tensor | None) -> Tensor:
    """A branch's answer times ``share`` (d,).

    It is the branch's last layer that is multiplied, so that the gradient of the share needs no answer to be kept.
    """
    last = "out_proj" if isinstance(branch, BiMamba) else "out"
    parameters = branch.get_submodule(last).named_parameters(last)
    times = {name: share.reshape(-1, *[1] * (p.dim() - 1)) * p for name, p in parameters}
    return cast(Tensor, torch.func.functional_call(branch, times, (normed, mask)))
