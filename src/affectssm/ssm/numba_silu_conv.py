"""The depthwise convolution with SiLU and its gradients on float32 tensors, computed by the numba kernels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from affectssm.ssm import threads
from affectssm.ssm.numba_cache import own_cache
from affectssm.ssm.numba_units import LANES, blocks, parts_of

with own_cache():
    from affectssm.ssm import numba_conv


def convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As in affectssm.ssm.conv."""
    y = x.new_empty(*x.shape[:3], *bias.shape[1:])
    rows, kernels = x.flatten(0, 1), _kernels(weight, bias)
    inputs = rows.numpy(), kernels.flatten().numpy(), *_sizes(weight), y.view(*rows.shape[:2], -1).numpy()
    threads.run(
        lambda part, begin, end: numba_conv.forward(*inputs, begin, end),
        threads.ranges(len(rows) * -(-rows.shape[1] // numba_conv.STRETCH), threads.parts_for_all()),
    )
    return y


def convolved_back(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor, of_x: Tensor
) -> tuple[Tensor, Tensor]:
    """As in affectssm.ssm.conv."""
    rows, kernels = x.flatten(0, 1), _kernels(weight, bias)
    parts = threads.ranges(len(rows) * blocks(rows.shape[2]), parts_of(grad.numel()))
    sums = kernels.new_zeros(len(parts), *kernels.shape)
    arrays = (
        rows.numpy(), kernels.flatten().numpy(), *_sizes(weight), grad.flatten(3).flatten(0, 1).numpy(),
        of_x.view(rows.shape).numpy(), sums.flatten().numpy(),
    )  # fmt: skip
    threads.run(lambda part, begin, end: numba_conv.backward(*arrays, part, begin, end), parts)
    total = sums.sum(0)[..., : x.shape[3]]
    return total[:-1], total[-1]


def _kernels(weight: Tensor, bias: Tensor) -> Tensor:
    """(W + 1, M, K, E filled up to whole blocks), the bias last."""
    filled = F.pad(weight, (0, -weight.shape[3] % LANES, 0, 0, 0, 0, 0, 1))
    filled[-1, ..., : weight.shape[3]] = bias
    return filled


def _sizes(weight: Tensor) -> tuple[int, int, int]:
    """M, K, W."""
    return weight.shape[1], weight.shape[2], len(weight)
