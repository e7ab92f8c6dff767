"""The hybrid block of DA-Mamba: chunked local attention beside a global branch, then a feed-forward layer.

    y = x + g * LocalAttention(LN x) + (1 - g) * Global(LN x)        out = y + FFN(LN y)

Global is BiMamba (backbone ``mamba``) or attention over the whole window (backbone ``transformer``); g is a learned
gate a channel, 1/2 at first; without local attention the global branch stands alone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectssm.models.attention import Attention
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
        d, hidden = settings.d_model, settings.ffn * settings.d_model
        self.norm = nn.LayerNorm(d)
        self.mixer = _global_branch(settings)
        self.local: Attention | None = None
        if local and settings.local_attention:
            self.local = Attention(d, settings.heads, chunk=settings.chunk)
            self.gate = nn.Parameter(torch.zeros(d))
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(d),
            nn.Linear(d, hidden),
            nn.GELU(),
            nn.Linear(hidden, d),
            nn.Dropout(settings.dropout),
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, d) and mask (B, L), True where a frame counts -> (B, L, d)."""
        normed = self.norm(x)
        mixed = self.mixer(normed, mask)
        if self.local is not None:
            mixed = torch.lerp(mixed, self.local(normed, mask), torch.sigmoid(self.gate).to(mixed))
        x = x + self.dropout(mixed)
        return x + self.feed_forward(x)
