"""Frames of a feature on the clock, held as native rows until a model reads them.

A frame lies between two neighbouring rows a and b, at (1 - p) a + p b. What is linear in it (a projection, the mean
over its columns) is worked out on the rows, a half to a quarter as many, and interpolated when it is narrow. So is its
mean square, for |(1 - p) a + p b|^2 = (1 - p) |a|^2 + p |b|^2 - p (1 - p) |b - a|^2.

R native rows, L clock frames, D columns, d columns of a projection; ``...`` are the same dimensions in all tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, linear, pad


class Projection(NamedTuple):
    """A projection of frames, and the moments of the frames themselves; zero where invalid."""

    values: Tensor  # (..., L, d): W x
    mean: Tensor  # (..., L): over the columns of x
    square: Tensor  # (..., L): mean over the columns of x^2


@dataclass
class FeatureFrames:
    """Frames of one feature, which are zero where they are invalid.

    Attributes:
        rows: (..., R, D) float32.
        index: (..., L) int64, the row at or before each frame.
        phase: (..., L) float32 in [0, 1), how far the frame lies on the way to the next row.
        valid: (..., L) bool.
    """

    rows: Tensor
    index: Tensor
    phase: Tensor
    valid: Tensor

    @classmethod
    def at_rows(cls, rows: Tensor, valid: Tensor) -> FeatureFrames:
        """Frames that are the rows themselves: rows (..., L, D) and valid (..., L)."""
        index = torch.arange(rows.shape[-2], device=rows.device).expand(valid.shape)
        return cls(rows, index, torch.zeros(valid.shape, device=rows.device), valid)

    def each(self, change: Callable[[Tensor], Tensor]) -> FeatureFrames:
        """The frames after the same change of the dimensions ``...`` in all tensors."""
        return FeatureFrames(*map(change, (self.rows, self.index, self.phase, self.valid)))

    def frames(self) -> Tensor:
        """(..., L, D), at the full width."""
        return self._between(self.rows)

    def projected(self, weight: Tensor) -> Projection:
        """The frames through a linear map W, (d, D), and their moments."""
        x = self.rows
        square = _mean_square(x)
        mean, square = self._between(torch.stack([x.mean(dim=-1), square], dim=-1)).unbind(-1)
        apart = pad(_mean_square(x[..., 1:, :] - x[..., :-1, :]), (0, 1)).gather(-1, self.index)
        square = square - self._weights.prod(dim=-1) * apart
        return Projection(self._between(linear(x, weight)), mean, square.clamp(min=0))

    @property
    def _weights(self) -> Tensor:
        """How much the two rows count: (..., L, 2)."""
        return torch.stack([1 - self.phase, self.phase], dim=-1) * self.valid.unsqueeze(-1)

    def _between(self, rows: Tensor) -> Tensor:
        """Interpolate (..., R, C) to (..., L, C).

        A bag of two weighted rows is ``lerp`` without its two gathered copies: five times faster on a CPU.
        """
        height, columns = rows.shape[-2:]
        table, index = rows.reshape(-1, columns), self.index.reshape(-1, self.index.shape[-1])
        pair = torch.stack([index, (index + 1).clamp(max=height - 1)], dim=-1)  # (N, L, 2)
        pair = pair + height * torch.arange(len(pair), device=pair.device)[:, None, None]
        weights = self._weights.to(table.dtype).view(-1, 2)
        found = embedding_bag(pair.view(-1, 2), table, per_sample_weights=weights, mode="sum")
        return found.view(*self.index.shape, columns)


def _mean_square(x: Tensor) -> Tensor:
    """Over the columns."""
    return torch.linalg.vector_norm(x, dim=-1).square() / x.shape[-1]
