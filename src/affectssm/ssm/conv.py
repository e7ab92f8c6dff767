"""Depthwise convolution along time with SiLU, causal in one direction and anti-causal in the other; nothing is flipped.

Letters as in :mod:`affectssm.ssm.mixing`. On a CPU numba computes it in float32 (:mod:`affectssm.ssm.numba_conv`).
Everywhere else every tap is one pass: torch's depthwise kernels take about three times as long on a CPU whatever the
layout (it is the gradient of the weights that is slow), and so does autograd over shifted products.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from affectssm.ssm.arguments import state_dtype
from affectssm.ssm.installed import trouble_with

NUMBA, LANES = "affectssm.ssm.numba_silu_conv", 16


def convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """SiLU of every channel convolved with one kernel a direction: y_t sees x_(t-W+1) to x_t, or x_t to x_(t+W-1).

    Args:
        x: (M, B, L, E), taken as zero outside.
        weight: (W, M, K, E) for K = 1 (the past) or 2 (also the future) directions; the last tap meets the frame
            itself, as in a causal ``Conv1d``.
        bias: (M, K, E).

    Returns:
        (M, B, L, K, E), contiguous.
    """
    if _by_numba(x):
        from affectssm.ssm import numba_silu_conv

        return numba_silu_conv.convolved(x, weight, bias)
    return F.silu(_linear(x, weight, bias), inplace=True)


def convolved_back(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, of_x: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of ``convolved``.

    Args:
        grad: of what it returned; it may be overwritten.
        x, weight, bias: its arguments.
        of_x: where x's gradient is written.

    Returns:
        Gradients of weight and bias in the state's number format.
    """
    if _by_numba(x):
        from affectssm.ssm import numba_silu_conv

        return numba_silu_conv.convolved_back(grad, x, weight, bias, of_x)
    grad = torch.ops.aten.silu_backward(grad, _linear(x, weight, bias))
    of_weight = torch.zeros_like(weight, dtype=state_dtype(x))
    for tap, k, seen, sees in _taps(weight, x.shape[2]):
        kernel, part = weight[tap, :, k, None, None], grad[:, :, sees, k]
        if tap == len(weight) - 1 and k == 0:
            torch.mul(part, kernel, out=of_x)
        else:
            of_x[:, :, seen].addcmul_(part, kernel)
        of_weight[tap, :, k] = (part * x[:, :, seen]).sum((1, 2))
    return of_weight, grad.sum((1, 2), dtype=of_weight.dtype)


def _by_numba(x: Tensor) -> bool:
    """Whether numba's kernels are there; they work on 16 channels or more at a time."""
    fits = x.device.type == "cpu" and x.dtype == torch.float32 and x.shape[3] >= LANES
    return fits and not trouble_with(NUMBA)


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y = x.new_empty(*x.shape[:3], *bias.shape[1:])
    for tap, k, seen, sees in _taps(weight, x.shape[2]):
        kernel = weight[tap, :, k, None, None]  # (M, 1, 1, E)
        if tap == len(weight) - 1:
            torch.addcmul(bias[:, k, None, None], x, kernel, out=y[..., k, :])
        else:
            y[:, :, sees, k].addcmul_(x[:, :, seen], kernel)
    return y


def _taps(weight: Tensor, length: int) -> Iterator[tuple[int, int, slice, slice]]:
    """Every tap of every direction that meets a frame: tap, direction, the frames it meets, the frames it serves.

    Those that meet every frame come first.
    """
    width, _, directions, _ = weight.shape
    for lag in range(min(width, length)):
        early, late = slice(0, length - lag), slice(lag, length)
        for k in range(directions):
            seen, sees = (early, late) if k == 0 else (late, early)
            yield width - 1 - lag, k, seen, sees
