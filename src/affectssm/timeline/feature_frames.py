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
        return self._of_frames(_between(self.rows, *self._bags()))

    def projected(self, weight: Tensor) -> Projection:
        """The frames through a linear map W, (d, D), and their moments."""
        x, (pair, share) = self.rows, self._bags()
        mean, square = _between(torch.stack([x.mean(dim=-1), _mean_square(x)], dim=-1), pair, share).unbind(
            -1
        )
        apart = pad(_mean_square(x[..., 1:, :] - x[..., :-1, :]), (0, 1)).view(-1).index_select(0, pair[:, 0])
        square = torch.addcmul(square, share[:, 0] * share[:, 1], apart, value=-1).clamp_(min=0)
        values = _between(linear(x, weight), pair, share)
        return Projection(*map(self._of_frames, (values, mean, square)))

    def _bags(self) -> tuple[Tensor, Tensor]:
        """The rows on both sides of each frame, numbered through, and their shares: (frames, 2) each."""
        height, index = self.rows.shape[-2], self.index.reshape(-1, self.index.shape[-1])
        first = index + height * torch.arange(len(index), device=index.device).unsqueeze(-1)
        valid = self.valid.to(self.rows.dtype)
        after = self.phase * valid
        share = torch.stack([valid - after, after], dim=-1)
        return torch.stack([first, first + (index < height - 1)], dim=-1).view(-1, 2), share.view(-1, 2)

    def _of_frames(self, values: Tensor) -> Tensor:
        """(frames, ...) -> (..., L, ...)."""
        return values.view(*self.index.shape, *values.shape[1:])


def _between(rows: Tensor, pair: Tensor, share: Tensor) -> Tensor:
    """Interpolate rows (..., R, C), numbered through, to (frames, C).

    A bag of two weighted rows is ``lerp`` without its two gathered copies: five times faster on a CPU.
    """
    table = rows.reshape(-1, rows.shape[-1])
    return embedding_bag(pair, table, per_sample_weights=share.to(table.dtype), mode="sum")


def _mean_square(x: Tensor) -> Tensor:
    """Over the columns."""
    return torch.linalg.vector_norm(x, dim=-1).square() / x.shape[-1]
