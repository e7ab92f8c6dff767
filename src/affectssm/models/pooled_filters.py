"""The first layers of BiMamba-TTA's encoder: filters along time, BatchNorm, LeakyReLU and the mean over P samples.

Two formulations with the same values: ``plain`` is the layers one after the other, ``folded`` the filter bank
(affectssm.models.filter_bank). BatchNorm folds into its filters, in training too: a filter w meets every window of the
batch once, so its output's mean and variance are w m + b and w S w with the windows' mean m and covariance S, which
depend on the input alone. Autograd then finds BatchNorm's gradient on matrices of K x K numbers.

B segments, C channels, L samples, F filters of K samples a branch, n windows a signal, U = n // P steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.models.filter_bank import Mean, filter_bank, leaky_relu
from affectssm.models.windows import Windows

Layer = tuple[nn.Conv2d, nn.BatchNorm2d]


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
        (U, F, C, B) of every branch. The folded one can be differentiated once.
    """
    if formulation == "plain" or x.requires_grad:
        return [plain(x, conv, norm, pool, slope).permute(3, 1, 2, 0) for conv, norm in layers]
    mean = Mean(pool, pool)
    kernels, piece = [conv.kernel_size[1] for conv, _ in layers], mean.piece(layers[0][0].out_channels)
    windows, found = Windows(x, kernels, piece), []
    for conv, norm in layers:  # one by one: gradients of a joint result would be joined first
        weight, offset = _fold(windows, conv, norm)
        images = filter_bank(windows, [weight], [offset], mean, leaky_relu(slope))
        found.append(images.unflatten(2, (x.shape[1], x.shape[0])))
    return found


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
        _remember(norm, mu.detach(), variance.detach(), windows.signals * windows.count(weight.shape[1]))
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
