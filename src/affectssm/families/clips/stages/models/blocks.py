"""What models of clips are made of: the way in, pooling over steps, joining of modalities, the head.

B clips, L steps, M modalities, D_m columns of modality m, d width. A mask is (B, L), True where a step is there; a clip
may have none of a modality, or of all. Steps that are not there are zeroed before anything sees them, so no answer
depends on what stands at them, be it NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from affectssm.errors import ConfigError
from affectssm.models.recompute import Recomputed
from affectssm.settings.base import Strict


class ClipModel(nn.Module):
    """A model of clips: called with the values and masks of its modalities, it answers (B, outputs).

    Args:
        settings: sizes and switches, an object of the class ``Settings``.
        dims: columns D_m of every modality that it sees, in order.
        outputs: K: 1 for a regression, else classes, of which the answer is logits.

    Raises:
        ConfigError: for no modality, or one without a column.
    """

    Settings: ClassVar[type[Strict]]

    def __init__(self, settings: Any, dims: Mapping[str, int], outputs: int) -> None:
        super().__init__()
        if not dims or min(dims.values()) < 1:
            raise ConfigError(
                "modalities", str(dict(dims)), "at least one, each with a column", "name the modalities"
            )
        self.modalities = tuple(dims)
        self.build(settings, dims, outputs)

    def build(self, settings: Any, dims: Mapping[str, int], outputs: int) -> None:
        """Make the layers; their weights are drawn in the order in which they are made."""
        raise NotImplementedError

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Answer.

        Args:
            values: modality -> (B, L, D_m); those that the model does not know are not looked at.
            mask: modality -> (B, L) bool.

        Returns:
            (B, K).
        """
        raise NotImplementedError

    def steps(
        self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Values, zero at masked steps, and masks of the modalities in the model's order."""
        masks = [mask[name] for name in self.modalities]
        return zeroed([values[name] for name in self.modalities], masks), masks


class FusionModel(ClipModel):
    """Inputs to one width, an encoder of sequences, pooling over steps, joining of modalities, a head."""

    def build(self, settings: Any, dims: Mapping[str, int], outputs: int) -> None:
        self.pooling, self.width = settings.pooling, settings.d_model
        self.inputs = nn.ModuleList(
            input_layers(settings.input, columns, self.width) for columns in dims.values()
        )
        self.encode = self.encoder(settings)
        self.join = self.joining()
        self.head = Recomputed(
            nn.Dropout(settings.dropout),
            nn.Linear(self.join.width, settings.hidden),
            nn.ReLU(),
            nn.Linear(settings.hidden, outputs),
        )

    def encoder(self, settings: Any) -> nn.Module:
        """(xs, masks), M times (B, L, d) and (B, L) -> xs, masks of as many sequences as are joined."""
        raise NotImplementedError

    def joining(self) -> Join:
        """How the pooled sequences become one vector."""
        return WeightedJoin(len(self.modalities), self.width)

    def encoded(
        self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What is pooled: sequences (B, L, d) and masks; arguments as of ``forward``."""
        xs, masks = self.steps(values, mask)
        return self.encode(zeroed([own(x) for own, x in zip(self.inputs, xs, strict=True)], masks), masks)

    def forward(self, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> Tensor:
        """Answer (B, K)."""
        xs, masks = self.encoded(values, mask)
        pooled = torch.stack([pool(x, own, self.pooling) for x, own in zip(xs, masks, strict=True)], dim=1)
        return self.head(self.join(pooled, torch.stack([own.any(dim=1) for own in masks], dim=1)))


class Join(nn.Module):
    """Pooled modalities (B, M, d), zero where there is none, and which are there, (B, M), to one vector (B, width)."""

    def __init__(self, modalities: int, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, pooled: Tensor, there: Tensor) -> Tensor:
        """The mean of those that are there."""
        return pooled.sum(1) / there.sum(1, keepdim=True).clamp(min=1)


class WeightedJoin(Join):
    """A softmax of learned weights over those that are there (released code)."""

    def __init__(self, modalities: int, width: int) -> None:
        super().__init__(modalities, width)
        self.weight = nn.Parameter(torch.zeros(modalities))

    def forward(self, pooled: Tensor, there: Tensor) -> Tensor:
        """The weighted mean; zero where there is none."""
        scores = self.weight.masked_fill(
            ~there, -1e4
        )  # finite: all may be absent, and what is absent is zero
        return (scores.softmax(dim=1).unsqueeze(2) * pooled).sum(1)


class ConcatJoin(Join):
    """One behind the other."""

    def __init__(self, modalities: int, width: int) -> None:
        super().__init__(modalities, modalities * width)

    def forward(self, pooled: Tensor, there: Tensor) -> Tensor:
        """(B, M d)."""
        return pooled.flatten(1)


def input_layers(kind: str, columns: int, width: int) -> nn.Sequential:
    """From a modality's columns to the width: ``linear``, or ``released`` (after MISA)."""
    if kind == "linear":
        return Recomputed(nn.Linear(columns, width), nn.LayerNorm(width))
    return Recomputed(
        nn.Linear(columns, 2 * width),
        nn.LayerNorm(2 * width),
        nn.ReLU(),
        nn.Linear(2 * width, width),
        nn.LayerNorm(width),
    )


def zeroed(xs: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
    """M times (B, L, .), zero where masked."""
    return [x.masked_fill(~mask.unsqueeze(-1), 0) for x, mask in zip(xs, masks, strict=True)]


def pool(x: Tensor, mask: Tensor, how: str) -> Tensor:
    """(B, L, d) and mask (B, L) -> (B, d): mean or max over steps that are there; zero where there is none."""
    if how == "mean":
        weight = mask.to(x)
        return (weight.unsqueeze(1) @ x).squeeze(1) / weight.sum(1, keepdim=True).clamp(min=1)
    found = x.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)
    return found.masked_fill(~mask.any(dim=1, keepdim=True), 0)
