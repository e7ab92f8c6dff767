"""Multimodal Transformer (Tsai et al., "Multimodal Transformer for Unaligned Multimodal Language Sequences", 2019).

Written from the paper (section 3), in the sizes of MMSA:

    every modality      convolution over time to d columns, sinusoids of the step added
    every pair of them  a Transformer whose steps are of one modality and attend to the other's first level
    every modality      those that attended to others side by side, a Transformer over itself, its last step
    all                 those steps side by side, two layers added, a linear layer

Norms come before attention and before the feed-forward layer (4 d, ReLU), and one at the end. A modality alone goes
straight to the Transformer over itself. Steps that do not count are attended to by none; where there is nothing to
attend to, nothing is added.

B clips, L steps, D_m columns of a modality, d columns inside, K answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.families.clips.stages.models.masked import cleaned, last_of
from affectssm.models.attention import clock_code
from affectssm.settings.clip_baselines import MulTSettings

TEXT = "text"


class Layer(nn.Module):
    """Attention and a feed-forward layer, both added: (B, L, d) that attends to (B, S, d), or to itself."""

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


class MulT(nn.Module):
    """The model: see ``forward``.

    Args:
        settings: sizes.
        dims: modality -> its columns; any of text, audio and vision.
        outputs: K.
    """

    Settings = MulTSettings

    def __init__(self, settings: MulTSettings, dims: Mapping[str, int], outputs: int) -> None:
        super().__init__()
        d, width = settings.d_model, settings.d_model * max(1, len(dims) - 1)
        given = settings.model_dump()
        drops = {name: settings.attention_dropout if name == TEXT else 0.0 for name in dims}
        self.others = {name: [other for other in dims if other != name] for name in dims}
        self.text_dropout = nn.Dropout(settings.text_dropout)
        self.project = nn.ModuleDict({
            name: nn.Conv1d(dim, d, given[f"{name}_kernel"], padding="same", bias=False)
            for name, dim in dims.items()
        })  # fmt: skip
        self.cross = nn.ModuleDict({
            f"{name}_{other}": Transformer(d, settings, drops[other])
            for name, others in self.others.items()
            for other in others
        })  # fmt: skip
        self.itself = nn.ModuleDict({name: Transformer(width, settings, drops[name]) for name in dims})
        all_of = width * len(dims)
        self.added = nn.Sequential(
            nn.Linear(all_of, all_of), nn.ReLU(), nn.Dropout(settings.output_dropout), nn.Linear(all_of, all_of)
        )  # fmt: skip
        self.head = nn.Linear(all_of, outputs)

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Values (B, L, D_m) and masks (B, L), True where a step counts, to (B, K)."""
        first = {}
        for name, project in self.project.items():
            x = cleaned(values[name], mask[name])
            first[name] = project((self.text_dropout(x) if name == TEXT else x).transpose(1, 2)).transpose(
                1, 2
            )
        last = torch.cat([self._last(name, first, mask) for name in first], dim=1)
        return self.head(last + self.added(last))

    def _last(self, name: str, first: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """The last step of a modality that has attended to the others and to itself, (B, width)."""
        attended = [
            self.cross[f"{name}_{other}"](first[name], first[other], mask[other])
            for other in self.others[name]
        ]
        x = torch.cat(attended, dim=2) if attended else first[name]
        return last_of(self.itself[name](x, None, mask[name]), mask[name])
