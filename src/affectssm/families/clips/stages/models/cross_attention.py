"""A Transformer in which every modality attends to the others, instead of to itself.

    every modality: + sinusoids of the step
    layers x [every modality: + attention to the steps of all others -> + feed-forward]     (norms before both)

A modality that is alone attends to itself. Letters as in :mod:`affectssm.families.clips.stages.models.blocks`; S is the
steps that are attended to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from affectssm.families.clips.stages.models.blocks import zeroed
from affectssm.models.attention import clock_code, dot_product_attention
from affectssm.models.recompute import BLOCKS
from affectssm.settings.fusion_models import AttentionFusionSettings


class CrossAttention(nn.Module):
    """Multi-head attention of queries (B, L, d) to a context (B, S, d).

    Args:
        width: d, a multiple of heads.
        heads: heads.
        fused: PyTorch's ``scaled_dot_product_attention``; off: the softmax of all scores. The results are equal.
    """

    def __init__(self, width: int, heads: int, fused: bool = True) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """Attend.

        Args:
            x: (B, L, d).
            context: (B, S, d).
            mask: (B, S) bool, True where a step may be attended to; where there is none the answer is zero.
        """
        some = mask.any(dim=1, keepdim=True)
        allowed = (mask | ~some)[:, None, None]  # (B, 1, 1, S); a softmax over nothing would be NaN
        q = self._by_head(self.query(x))
        k, v = (self._by_head(part) for part in self.key_value(context).chunk(2, dim=-1))
        heard = dot_product_attention(q, k, v, allowed, self.fused)
        return self.out(heard.transpose(1, 2).flatten(2)) * some.unsqueeze(-1)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class AttentionLayer(nn.Module):
    """One modality's: attention to a context, feed-forward; both with a norm before and a residual."""

    recomputed = BLOCKS

    def __init__(self, settings: AttentionFusionSettings) -> None:
        super().__init__()
        d = settings.d_model
        self.norm, self.forward_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attention = CrossAttention(d, settings.heads, settings.fused)
        self.feed = nn.Sequential(
            nn.Linear(d, settings.expand * d), nn.GELU(), nn.Linear(settings.expand * d, d)
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        """(B, L, d), (B, S, d), (B, S) -> (B, L, d)."""
        x = x + self.dropout(self.attention(self.norm(x), self.norm(context), mask))
        return x + self.dropout(self.feed(self.forward_norm(x)))


class AttentionStack(nn.Module):
    """The layers."""

    def __init__(self, settings: AttentionFusionSettings, modalities: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList(AttentionLayer(settings) for _ in range(modalities)) for _ in range(settings.layers)
        )

    def forward(self, xs: list[Tensor], masks: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """M times (B, L, d) and (B, L) -> the same."""
        xs = zeroed([x + clock_code(x.shape[1], x.shape[2], x) for x in xs], masks)
        seen = [_others(masks, m, dim=1) for m in range(len(xs))]
        for layer in self.layers:
            contexts = [_others(xs, m, dim=1) for m in range(len(xs))]
            each = zip(cast(nn.ModuleList, layer), xs, contexts, seen, strict=True)
            xs = [own(x, context, mask) for own, x, context, mask in each]
        return xs, masks


def _others(parts: Sequence[Tensor], m: int, dim: int) -> Tensor:
    """Those of the other modalities one behind the other; its own where there is no other."""
    return torch.cat([*parts[:m], *parts[m + 1 :]] or [parts[m]], dim=dim)
