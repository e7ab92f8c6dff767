"""The first layers of an encoder: banks of filters along time, BatchNorm, LeakyReLU and the mean over P samples.

Two formulations with the same values. ``plain`` is the layers one after the other; at 36 channels of 512 samples and a
batch of 64 each of their results is 34 MB a branch, written and read again forward and backward, and the convolutions
of one input channel are slow themselves. ``folded`` never stores them:

* BatchNorm folds into the filters, in training too: a filter w meets every window of the batch once, so its output's
  mean and variance are w m + b and w S w with the windows' mean m and covariance S, which depend on the input alone.
  Autograd then finds BatchNorm's gradient on matrices of K x K numbers.
* A block of P outputs of a filter is a product of P + K - 1 samples with the filter's Toeplitz matrix, so the
  convolution is one matrix product over all blocks, and P is what is averaged.
* Product, LeakyReLU and mean are done on a part of the batch that stays in the cache; the backward pass computes the
  product again.

R = B C rows (segments and channels), L samples, F filters of K samples a branch, n windows a row, U = n // P steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from affectssm.models.windows import Windows

Layer = tuple[nn.Conv2d, nn.BatchNorm2d]
FORMULATIONS = ("auto", "plain")
CACHED = 2**19  # numbers a part's products hold: 2 MB in float32


def pooled_filters(
    x: Tensor, layers: Sequence[Layer], pool: int, slope: float, formulation: str = "auto"
) -> list[Tensor]:
    """Filter, normalise, bend and average.

    Args:
        x: (B, C, L).
        layers: of every branch, a convolution (1 to F channels, 1 x K, padded by K // 2) and the BatchNorm after it,
            in training or in evaluation; running statistics are kept up to date.
        pool: P.
        slope: LeakyReLU's below zero.
        formulation: ``plain``, or ``auto``: folded wherever x needs no gradient.

    Returns:
        (B, F, C, U) of every branch. The folded one can be differentiated once.
    """
    if formulation == "plain" or x.requires_grad:
        return [plain(x, conv, norm, pool, slope) for conv, norm in layers]
    windows = Windows(x.flatten(0, 1), [conv.kernel_size[1] for conv, _ in layers], pool)
    filters, offsets = zip(*(_fold(windows, conv, norm) for conv, norm in layers), strict=True)
    matrices = [_toeplitz(w, pool) for w in filters]
    found = _Bank.apply(windows, slope, *matrices, *(c.repeat(pool) for c in offsets))  # (R, U, F) each
    counts = [windows.count(conv.kernel_size[1]) // pool for conv, _ in layers]
    return [
        h[:, :count].unflatten(0, x.shape[:2]).permute(0, 3, 1, 2)
        for h, count in zip(cast(tuple[Tensor, ...], found), counts, strict=True)
    ]


def plain(x: Tensor, temporal: nn.Conv2d, norm: nn.BatchNorm2d, pool: int, slope: float) -> Tensor:
    """One branch layer by layer, each over the whole batch."""
    h = functional.leaky_relu(norm(temporal(x.unsqueeze(1))), slope)
    return functional.avg_pool2d(h, (1, pool))


def _fold(windows: Windows, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Filters (F, K) and offsets (F,) that do convolution and BatchNorm together."""
    weight, bias = conv.weight.flatten(1), cast(Tensor, conv.bias)
    if norm.training:
        mean, covariance = windows.moments(weight.shape[1])
        exact = weight.to(mean)
        mu = (exact @ mean).to(bias) + bias
        variance = ((exact @ covariance) * exact).sum(dim=1).to(bias)
        _remember(norm, mu.detach(), variance.detach(), len(windows.rows) * windows.count(weight.shape[1]))
    else:
        mu, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = norm.weight * torch.rsqrt(variance + norm.eps)
    return weight * scale.unsqueeze(1), norm.bias + scale * (bias - mu)


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """BatchNorm's running statistics after a batch; the variance is the unbiased one there."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked += 1
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance * (count / (count - 1)), share)


def _toeplitz(weight: Tensor, pool: int) -> Tensor:
    """Filters (F, K) -> (P + K - 1, P F): samples of a block to its P outputs of every filter."""
    shifted = functional.pad(weight, (pool - 1, pool - 1)).unfold(1, pool, 1).flip(2)  # (F, P + K - 1, P)
    return shifted.permute(1, 2, 0).flatten(1)


class _Bank(torch.autograd.Function):
    """mean_P(leaky_relu(samples @ matrix + offset)) of every branch, part by part."""

    @staticmethod
    def forward(ctx: Any, windows: Windows, slope: float, *given: Tensor) -> tuple[Tensor, ...]:
        ctx.save_for_backward(*given)
        ctx.windows, ctx.slope = windows, slope
        pool, matrices = windows.pool, given[: len(given) // 2]
        found = [m.new_empty(len(windows.rows), windows.steps, m.shape[1] // pool) for m in matrices]
        for begin, end, products in _parts(windows, given):
            for h, (_, z) in zip(found, products, strict=True):
                z = functional.leaky_relu_(z, slope)
                h[begin:end] = z.unflatten(1, (pool, -1)).mean(dim=1).unflatten(0, (end - begin, -1))
        return tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        given, pool = ctx.saved_tensors, ctx.windows.pool
        outward = [(g / pool).flatten(0, 1).unsqueeze(1) for g in gradients]  # (R U, 1, F)
        of_given = [torch.zeros_like(t) for t in given]
        steps = ctx.windows.steps
        for begin, end, products in _parts(ctx.windows, given):
            for number, (samples, z) in enumerate(products):
                g = outward[number][begin * steps : end * steps].repeat(1, pool, 1).flatten(1)
                torch.ops.aten.leaky_relu_backward.grad_input(g, z, ctx.slope, False, grad_input=g)
                of_given[number].addmm_(samples.mT, g)
                of_given[len(gradients) + number] += g.sum(dim=0)
        return None, None, *of_given


def _parts(
    windows: Windows, given: Sequence[Tensor]
) -> Iterator[tuple[int, int, Iterator[tuple[Tensor, Tensor]]]]:
    """Rows begin to end, and of every branch its samples (r U, P + K - 1) and products (r U, P F), r = end - begin."""
    count, rows = len(given) // 2, len(windows.rows)
    matrices, offsets = given[:count], given[count:]
    widest = max(m.shape[1] for m in matrices) * windows.steps
    size = max(1, CACHED // widest) if windows.rows.device.type == "cpu" else rows
    for begin in range(0, rows, size):
        end = min(begin + size, rows)
        yield begin, end, _products(windows, windows.block(begin, end), matrices, offsets)


def _products(
    windows: Windows, block: Tensor, matrices: Sequence[Tensor], offsets: Sequence[Tensor]
) -> Iterator[tuple[Tensor, Tensor]]:
    for kernel, matrix, offset in zip(windows.kernels, matrices, offsets, strict=True):
        samples = windows.of(block, kernel)
        yield samples, torch.mm(samples, matrix).add_(offset)
