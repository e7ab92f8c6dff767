"""DAT, the dialogue-aware Transformer DA-Mamba descends from, in its M configuration.

Written from a description of its architecture, not from its code (which carries no licence):

    each cue: norm over the window -> LayerNorm over all cues -> Linear to d, dropout, GELU -> Transformer
    each modality group: its cues side by side (audio 2 d, visual 3 d) -> Transformer
    target and partner: weights of their own; cross-attention target <- partner a group
    groups side by side -> LayerNorm -> Linear to 1 -> activation

A Transformer here is one pre-norm layer with learned positions, which start at standard deviation 1; its feed-forward
layer has GELU in the tanh form. In the cross-attention the norm is the target's alone: the partner's keys and values
come from what its encoder gives, not normed.

Decided here, since the description does not say:

* The widths of feed-forward layers, d for a cue and 2 d for groups and cross-attention, which bring the M
  configuration to the released code's 66.8 M parameters (the papers say 42.5 M, which no configuration of that code
  has). The GELU after a cue's Linear is the exact one. The cross-attention's positions are added to target and
  partner alike.
* Frames that are invalid or outside the recording stay zero, as in DAT, but are left out of norm statistics, and
  those outside out of keys.
* Several partners are encoded one by one and laid one behind the other along time as keys, so their order does not
  matter; without a partner the cross-attention adds nothing, and its feed-forward layer stays.
* Weights start as PyTorch's do (in the released training from a normal distribution of variance 1 / inputs), positions
  are as many as ``positions`` says (there 96), the last activation is a sigmoid by default (there SELU, a setting).

B windows, P seats, L frames, d width a cue, H heads.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectssm.errors import ConfigError
from affectssm.families.dialogue.stages.models.output import FrameOutput
from affectssm.models.attention import dot_product_attention
from affectssm.models.dropout import Dropout
from affectssm.models.feature_groups import FrameModel, Stacks
from affectssm.models.feed_forward import FeedForward
from affectssm.models.recompute import ALL, BLOCKS, Recomputed
from affectssm.settings.dialogues import DATSettings
from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch


class TransformerLayer(nn.Module):
    """One pre-norm layer over (B, L, width), attending to itself or to a context.

    Args:
        settings: H, dropout, ``fused``, and how many learned positions there are, so the longest window.
        width: model width.
        dim_head: the width of a head.
        hidden: width of the feed-forward layer.
    """

    recomputed = BLOCKS

    def __init__(self, settings: DATSettings, width: int, dim_head: int, hidden: int) -> None:
        super().__init__()
        self.heads, self.fused, dropout = settings.heads, settings.fused, settings.dropout
        inner = self.heads * dim_head
        self.position = nn.Parameter(torch.randn(settings.positions, width))
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, inner, bias=False)
        self.key_value = nn.Linear(width, 2 * inner, bias=False)
        self.out = nn.Sequential(nn.Linear(inner, width), Dropout(dropout))
        self.feed_forward = FeedForward(width, hidden, dropout, approximate="tanh", drop_hidden=True)

    def forward(self, x: Tensor, key_mask: Tensor, context: Tensor | None = None) -> Tensor:
        """x (B, L, width), key_mask (B, S), context (B, P, L, width) with S = P * L, or None: x, S = L.

        A context is not normed.
        """
        x = x + self.position[: x.shape[1]]
        queries = self.norm(x)
        keys = queries
        if context is not None:
            keys = (context + self.position[: x.shape[1]]).flatten(1, 2)
        q = self._by_head(self.query(queries))
        k, v = (self._by_head(part) for part in self.key_value(keys).chunk(2, dim=-1))
        # finite, so that a row without keys gives no NaN; what it looks at then is dropped
        mask = torch.where(key_mask, 0.0, -1e4)[:, None, None].to(q.dtype)  # (B, 1, 1, S)
        mixed = dot_product_attention(q, k, v, mask, self.fused).transpose(1, 2).flatten(2)
        return self.feed_forward(x + self.out(mixed) * key_mask.any(dim=1)[:, None, None])

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class CueProjections(nn.Module):
    """Norm over the window, LayerNorm over all cues of a frame, then each cue's Linear to d.

    For cue x and LayerNorm over the joined (x a + b), a and b one number a window:  W (x a + b - mean) / deviation + c
    is  (a W x + (b - mean) W 1) / deviation + c. So the wide input is read for its sums and for W x, never copied;
    LayerNorm has no weights of its own, W would absorb them.

    Args:
        dims: D_f by cue.
        d_model: d.
    """

    EPS = 1e-5
    recomputed = ALL

    def __init__(self, dims: Mapping[str, int], d_model: int) -> None:
        super().__init__()
        self.dims = dict(dims)
        self.weights = nn.ModuleDict(
            {name: nn.Linear(dim, d_model, bias=False) for name, dim in dims.items()}
        )
        self.biases = nn.ParameterDict({name: torch.zeros(d_model) for name in dims})

    def forward(self, features: Mapping[str, FeatureFrames]) -> dict[str, Tensor]:
        """features (B, L, D_f) by name -> (B, L, d) by name."""
        scales, shifts = {}, {}
        total, squares = torch.zeros(()), torch.zeros(())
        for name, dim in self.dims.items():
            means, mean_squares = features[name].moments()  # (B, L): of the columns
            frames = features[name].valid.to(means.dtype)
            count = frames.sum(dim=1, keepdim=True).clamp(min=1)
            mean = means.sum(dim=1, keepdim=True) / count  # (B, 1): over the valid frames of the window
            variance = mean_squares.sum(dim=1, keepdim=True) / count - mean.square()
            a = scales[name] = torch.rsqrt(variance.clamp(min=0) + self.EPS)
            b = shifts[name] = -mean * a * frames
            total = total + dim * (a * means + b)
            squares = squares + dim * (a.square() * mean_squares + 2 * a * b * means + b.square())
        width = sum(self.dims.values())
        mean = total / width  # (B, L): over all cues of the frame
        rate = torch.rsqrt((squares / width - mean.square()).clamp(min=0) + self.EPS)
        projected = {}
        for name, linear in self.weights.items():
            weight = linear.get_parameter("weight")
            level = ((shifts[name] - mean) * rate).unsqueeze(-1) * weight.sum(dim=1)
            projected[name] = (
                features[name].projected(weight, scales[name] * rate) + level + self.biases[name]
            )
        return projected


class RoleEncoder(nn.Module):
    """The cues of one person to one sequence a modality group; target and partner have one each."""

    def __init__(self, settings: DATSettings, stacks: Mapping[str, Mapping[str, int]]) -> None:
        super().__init__()
        d = settings.d_model
        dims = {name: dim for group in stacks.values() for name, dim in group.items()}
        self.groups = [list(group) for group in stacks.values()]
        self.project = CueProjections(dims, d)
        self.activate = Recomputed(Dropout(settings.dropout), nn.GELU())
        self.cues = nn.ModuleDict(
            {name: TransformerLayer(settings, d, settings.dim_head, d) for name in dims}
        )
        self.fused = nn.ModuleList(
            TransformerLayer(settings, len(group) * d, settings.dim_head_cross, 2 * d)
            for group in self.groups
        )

    def forward(self, features: Mapping[str, FeatureFrames], mask: Tensor) -> list[Tensor]:
        """features (B, L, D_f), mask (B, L) -> a (B, L, n d) for each group of n cues."""
        projected = self.project(features)
        cues = {name: layer(self.activate(projected[name]), mask) for name, layer in self.cues.items()}
        joined = [torch.cat([cues[name] for name in group], dim=-1) for group in self.groups]
        return [layer(x, mask) for layer, x in zip(self.fused, joined, strict=True)]


class DAT(FrameModel):
    """The model of an ``audio`` and a ``visual`` group."""

    Settings = DATSettings

    def build(self, settings: DATSettings, stacks: Stacks) -> None:
        d = settings.d_model
        self.positions = settings.positions
        self.target, self.partner = RoleEncoder(settings, stacks), RoleEncoder(settings, stacks)
        self.cross = nn.ModuleList(
            TransformerLayer(settings, len(dims) * d, settings.dim_head_cross, 2 * d)
            for dims in stacks.values()
        )
        width = d * sum(len(dims) for dims in stacks.values())
        activation = nn.SELU() if settings.output == "selu" else nn.Sigmoid()
        self.score = Recomputed(nn.LayerNorm(width), nn.Linear(width, 1), activation)

    def forward(self, batch: FrameBatch) -> FrameOutput:
        """Engagement of the target at every frame.

        Raises:
            ConfigError: when the window is longer than the learned positions.
        """
        if batch.length > self.positions:
            raise ConfigError(
                "dialogue.dat.positions",
                f"a window of {batch.length} frames",
                f"at most {self.positions}, the learned positions",
                "raise dialogue.dat.positions and train again",
            )
        target = self.target(batch.target, batch.frame_valid)
        mask = batch.frame_valid.unsqueeze(1) & batch.partner_present.unsqueeze(-1)  # (B, P, L)
        partners = [x.unflatten(0, mask.shape[:2]) for x in self._partners(batch, mask)]
        heard = [
            cross(x, mask.flatten(1), context)
            for cross, x, context in zip(self.cross, target, partners, strict=True)
        ]
        return FrameOutput(self.score(torch.cat(heard, dim=-1)).squeeze(-1))

    def _partners(self, batch: FrameBatch, mask: Tensor) -> list[Tensor]:
        """Each partner by itself: a (B * P, L, n d) for each group."""
        features = {
            name: own.each(lambda of_seats: of_seats.flatten(0, 1)) for name, own in batch.partners.items()
        }
        return self.partner(features, mask.flatten(0, 1))
