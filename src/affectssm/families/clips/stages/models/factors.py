"""What TFN and LMF fuse: every modality as a vector [1; z], z from text by an LSTM and from the others by their means.

After Zadeh et al., "Tensor Fusion Network for Multimodal Sentiment Analysis", 2017, section 4.1, in the sizes and with
the normalisation of MMSA. Where MMSA averages over padding, here only steps that are there do. Of a clip that lacks a
modality z is zero: its products with the others are left out, as in a model without that modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.families.clips.stages.modalities import TEXT
from affectssm.families.clips.stages.models.blocks import pool
from affectssm.settings.clip_baselines import LMFSettings, TFNSettings


class Norm(nn.BatchNorm1d):
    """BatchNorm over the clips that have the modality; a single one is normed by the running statistics."""

    def forward(self, x: Tensor, there: Tensor) -> Tensor:  # type: ignore[override]
        """(B, D) and (B,) bool to (B, D), zeros for the clips without it."""
        found = x[there]
        if self.training and len(found) < 2:
            normed = functional.batch_norm(
                found, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        else:
            normed = super().forward(found)
        return torch.zeros_like(x).masked_scatter(there[:, None], normed)


class Means(nn.Module):
    """The mean over time through three layers: (B, L, D) to (B, hidden)."""

    def __init__(self, dim: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = Norm(dim)
        layers = (nn.Linear(dim, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, hidden))
        self.layers = nn.Sequential(nn.Dropout(dropout), *(one for x in layers for one in (x, nn.ReLU())))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.layers(self.norm(pool(x, mask, "mean"), mask.any(1)))


class Text(nn.Module):
    """The last state of an LSTM through a linear layer: (B, L, D) to (B, out)."""

    def __init__(self, dim: int, hidden: int, out: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, out))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        order = mask.int().argsort(dim=1, descending=True, stable=True)  # the gaps behind all that is there
        states, _ = self.lstm(x.gather(1, order[..., None].expand_as(x)))
        return self.out(last_of(states, mask.gather(1, order)))


class Factors(nn.Module):
    """[1; z] of every modality.

    Args:
        settings: hidden widths and dropout.
        dims: modality -> its columns.

    Attributes:
        widths: columns of every [1; z].
    """

    def __init__(self, settings: TFNSettings | LMFSettings, dims: Mapping[str, int]) -> None:
        super().__init__()
        given = settings.model_dump()
        self.widths = [1 + given[f"{name}_{'out' if name == TEXT else 'hidden'}"] for name in dims]
        self.parts = nn.ModuleList(
            Text(dim, settings.text_hidden, settings.text_out, settings.dropout)
            if name == TEXT
            else Means(dim, given[f"{name}_hidden"], settings.dropout)
            for name, dim in dims.items()
        )

    def forward(self, xs: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
        """M times (B, L, D_m), zero at masked steps, and masks (B, L) -> M times (B, 1 + width of z)."""
        found = zip(self.parts, xs, masks, strict=True)
        zs = [part(x, mask).masked_fill(~mask.any(1, True), 0) for part, x, mask in found]
        return [functional.pad(z, (1, 0), value=1.0) for z in zs]


def last_of(x: Tensor, mask: Tensor) -> Tensor:
    """The last step that is there, (B, L, D) and (B, L) -> (B, D); zero where there is none."""
    last = (torch.arange(mask.shape[1], device=mask.device) * mask).amax(1)
    return x[torch.arange(len(x), device=x.device), last].masked_fill(~mask.any(1, True), 0)
