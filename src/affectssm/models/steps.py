"""Layers over steps of time as a filter bank leaves them: (U, F, C, B), U steps of F features, C rows, B segments.

Layers of torch that do not mix steps (convolutions over rows, BatchNorm2d) take the steps for a batch of images of C
rows and B columns; here are those that torch lacks, or is slow at, in this order.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


def row_products(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Filters over all features and rows, one product a step: x (U, F, C, B), (G, F, C) and (G,) -> (U, G, B)."""
    return torch.baddbmm(bias.unsqueeze(1), weight.flatten(1).expand(len(x), -1, -1), x.flatten(1, 2))


class StepMean(nn.Module):
    """The mean over every ``pool`` steps; what is left at the end is dropped: (U, ...) -> (U // pool, ...)."""

    def __init__(self, pool: int) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        steps = len(x) // self.pool
        return x[: steps * self.pool].unflatten(0, (steps, self.pool)).mean(dim=1)


class RowFilters(nn.Conv2d):
    """A convolution over every ``rows`` rows, as matrix products: (U, F, C, B) -> (U, G, C // rows, B).

    Its parameters are those of ``nn.Conv2d(F, G, (rows, 1), (rows, 1))``. A convolution of few features costs torch
    several times what the product does.
    """

    def __init__(self, inputs: int, outputs: int, rows: int = 1) -> None:
        super().__init__(inputs, outputs, (rows, 1), (rows, 1))

    def forward(self, x: Tensor) -> Tensor:
        rows, segments = self.kernel_size[0], x.shape[3]
        groups = x.shape[2] // rows
        bias = cast(Tensor, self.bias)
        if rows == 1:
            weight = self.weight.flatten(2)
            return row_products(x.flatten(2).unsqueeze(2), weight, bias).unflatten(2, (groups, segments))
        x = x[:, :, : groups * rows].unflatten(2, (groups, rows)).transpose(1, 2)  # (U, groups, F, rows, B)
        products = row_products(x.flatten(0, 1), self.weight.squeeze(3), bias)
        return products.unflatten(0, (-1, groups)).transpose(1, 2)
