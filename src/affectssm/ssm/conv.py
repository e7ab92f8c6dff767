"""Depthwise convolution along time, causal in one direction and anti-causal in the other; nothing is flipped or padded.

Every tap is one pass over a part of the batch that stays in the cache. At (B, L, E) = (128, 96, 512) on one CPU core,
forward and backward, torch's depthwise kernels take about three times as long whatever the layout (it is the gradient
of the weights that is slow), and so does autograd over shifted products.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affectssm.ssm.arguments import state_dtype

CACHED = 2**19  # numbers a part holds: 2 MB in float32


def depthwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve every channel with one kernel a direction: y_t sees x_(t-W+1) to x_t, or x_t to x_(t+W-1).

    Args:
        x: (B, L, E), taken as zero outside.
        weight: (W, K, E) for K = 1 (the past) or 2 (also the future) directions; the last tap meets the frame itself,
            as in a causal ``Conv1d``.
        bias: (K, E).

    Returns:
        (B, L, K, E), contiguous, in x's dtype. It can be differentiated once.
    """
    return cast(Tensor, _Depthwise.apply(x, weight.to(x.dtype), bias.to(x.dtype)))


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        y = x.new_empty(*x.shape[:2], *bias.shape)
        for x_part, y_part in _parts(x, y):
            y_part.copy_(bias)
            for tap, k, seen, sees in _taps(weight, x.shape[1]):
                y_part[:, sees, k].addcmul_(x_part[:, seen], weight[tap, k])
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        of_x, of_weight = torch.zeros_like(x), torch.zeros_like(weight, dtype=state_dtype(x))
        of_bias = torch.zeros_like(of_weight[0])
        for x_part, part, of_part in _parts(x, grad, of_x):
            of_bias += part.sum((0, 1))
            for tap, k, seen, sees in _taps(weight, x.shape[1]):
                of_part[:, seen].addcmul_(part[:, sees, k], weight[tap, k])
                of_weight[tap, k] += (part[:, sees, k] * x_part[:, seen]).sum((0, 1))
        return of_x, of_weight.to(weight), of_bias.to(weight)


def _parts(x: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Sequences by the handful, so that on a CPU every pass but the first finds them in the cache."""
    largest = max(1, *(t.numel() for t in (x, *others)))
    size = max(1, CACHED * len(x) // largest) if x.device.type == "cpu" else max(1, len(x))
    return zip(*(t.split(size) for t in (x, *others)), strict=True)


def _taps(weight: Tensor, length: int) -> Iterator[tuple[int, int, slice, slice]]:
    """Every tap of every direction that meets a frame: tap, direction, the frames it meets, the frames it serves."""
    width, directions, _ = weight.shape
    for lag in range(min(width, length)):
        early, late = slice(0, length - lag), slice(lag, length)
        for k in range(directions):
            seen, sees = (early, late) if k == 0 else (late, early)
            yield width - 1 - lag, k, seen, sees
