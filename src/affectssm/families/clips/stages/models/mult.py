"""Multimodal Transformer (Tsai et al., "Multimodal Transformer for Unaligned Multimodal Language Sequences", 2019).

Written from the paper (section 3), in the sizes of MMSA:

    every modality      convolution over time to d columns, sinusoids of the step added
    every pair of them  a Transformer whose steps are of one modality and attend to the other's first level
    every modality      those that attended to others side by side, a Transformer over itself, its last step
    all                 those steps side by side, two layers added, a linear layer

Norms come before attention and before the feed-forward layer (4 d, ReLU), and one at the end. A modality alone goes
straight to the Transformer over itself. Steps that do not count are attended to by none; where there is nothing to
attend to, nothing is added.

Letters as in :mod:`affectssm.families.clips.stages.models.blocks`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.families.clips.stages.modalities import TEXT
from affectssm.families.clips.stages.models.blocks import ClipModel
from affectssm.families.clips.stages.models.factors import last_of
from affectssm.models.attention import clock_code
from affectssm.models.recompute import BLOCKS
from affectssm.settings.clip_baselines import MulTSettings


class Layer(nn.Module):
    """Attention and a feed-forward layer, both added: (B, L, d) that attends to (B, S, d), or to itself."""

    recomputed = BLOCKS

    def __init__(self, d: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm, self.forward_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.query, self.key_value, self.out = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)
        self.feed = nn.Sequential(nn.Linear(d, 4 * d), nn.ReLU(), nn.Linear(4 * d, d))

    def forward(self, x: Tensor, context: Tensor | None, seen: Tensor) -> Tensor:
        """seen: (B, 1, L, S) bool, True where a step may look."""
        own = self.norm(x)
        q = self._by_head(self.query(own))
        k, v = map(
            self._by_head, self.key_value(own if context is None else self.norm(context)).chunk(2, dim=-1)
        )
        any_seen = seen.any(-1, keepdim=True)
        drop = self.dropout if self.training else 0.0
        # a step that may look nowhere looks everywhere and hears nothing: a softmax over nothing would be NaN
        heard = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen | ~any_seen, dropout_p=drop)
        x = x + self.out((heard * any_seen).transpose(1, 2).flatten(2))
        return x + self.feed(self.forward_norm(x))

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Transformer(nn.Module):
    """Layers and a norm: (B, L, d) that attends to (B, S, d), or to itself where there is no context."""

    def __init__(self, d: int, settings: MulTSettings, dropout: float) -> None:
        super().__init__()
        self.causal = settings.causal
        self.layers = nn.ModuleList(Layer(d, settings.heads, dropout) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(d)

    def forward(self, x: Tensor, context: Tensor | None, mask: Tensor) -> Tensor:
        """mask: (B, S), True where what is attended to counts."""
        seen = mask[:, None, None].expand(-1, -1, x.shape[1], -1)
        if self.causal:
            seen = seen.tril()
        x = _placed(x)
        context = None if context is None else _placed(context)
        for layer in self.layers:
            x = layer(x, context, seen)
        return self.norm(x)


def _placed(x: Tensor) -> Tensor:
    """Scaled, with sinusoids of the step (B, L, d)."""
    return x.shape[2] ** 0.5 * x + clock_code(x.shape[1], x.shape[2], x)


class MulT(ClipModel):
    """The model."""

    Settings = MulTSettings

    def build(self, settings: MulTSettings, dims: Mapping[str, int], outputs: int) -> None:
        d, given, count = settings.d_model, settings.model_dump(), len(dims)
        drops = [settings.attention_dropout if name == TEXT else 0.0 for name in dims]
        self.others = [[other for other in range(count) if other != own] for own in range(count)]
        self.drop = nn.ModuleList(nn.Dropout(settings.text_dropout * (name == TEXT)) for name in dims)
        self.project = nn.ModuleList(
            nn.Conv1d(dim, d, given[f"{name}_kernel"], padding="same", bias=False)
            for name, dim in dims.items()
        )
        self.cross = nn.ModuleList(
            nn.ModuleList(Transformer(d, settings, drops[other]) for other in others)
            for others in self.others
        )
        width = d * max(1, count - 1)
        self.itself = nn.ModuleList(Transformer(width, settings, drop) for drop in drops)
        self.added = nn.Sequential(
            nn.Linear(count * width, count * width),
            nn.ReLU(),
            nn.Dropout(settings.output_dropout),
            nn.Linear(count * width, count * width),
        )
        self.head = nn.Linear(count * width, outputs)

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Answer (B, K)."""
        xs, masks = self.steps(values, mask)
        first = [
            project(drop(x).transpose(1, 2)).transpose(1, 2)
            for project, drop, x in zip(self.project, self.drop, xs, strict=True)
        ]
        last = torch.cat([self._last(own, first, masks) for own in range(len(first))], dim=1)
        return self.head(last + self.added(last))

    def _last(self, own: int, first: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """The last step of a modality that has attended to the others and to itself, (B, width)."""
        each = zip(cast(nn.ModuleList, self.cross[own]), self.others[own], strict=True)
        attended = [cross(first[own], first[other], masks[other]) for cross, other in each]
        x = torch.cat(attended, dim=2) if attended else first[own]
        return last_of(self.itself[own](x, None, masks[own]), masks[own])
