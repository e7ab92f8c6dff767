"""Banks of filters along time, what bends their outputs, and means over time, as one operation.

Two formulations with the same values. ``plain`` is the layers one after the other; at 36 channels of 512 samples and a
batch of 60 a filter's outputs are 4 MB, written and read again by every layer forward and backward, and the
convolutions of one input channel are slow themselves. ``auto`` never stores them:

* A block of P outputs of a filter is a product of the filter's Toeplitz matrix with P + K - 1 samples, so the
  convolution is a matrix product a block. P is what is averaged, or, where means overlap, what they share.
* Product, bend and sum are done on a part of the batch that stays in the cache; the backward pass computes the product
  again.
* Time comes first and segments last, from the samples to the result (U, F, C, B): everything runs along R = C B
  neighbours in memory, and layers over filters and channels see images of C rows and B columns.

C channels of B segments, L samples, F filters of K samples a branch, n windows, U = (n - pool) // stride + 1 steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from affectssm.models.windows import Windows

FORMULATIONS = ("auto", "plain")
CACHED = 2**18  # numbers a part's products hold: 1 MB in float32


@dataclass(frozen=True)
class Mean:
    """Means over ``pool`` outputs, ``stride`` outputs apart; what is left at the end is dropped."""

    pool: int
    stride: int

    @property
    def block(self) -> int:
        """P: every mean is made of whole blocks, and begins with one."""
        return math.gcd(self.pool, self.stride)

    def steps(self, count: int) -> int:
        """U of ``count`` outputs."""
        return max(0, (count - self.pool) // self.stride + 1)

    def blocks(self, steps: int) -> int:
        """Blocks that so many steps are made of."""
        return ((steps - 1) * self.stride + self.pool) // self.block if steps else 0

    def parts(self, blocks: Tensor, steps: int) -> list[Tensor]:
        """The first block of every step, the second block, and so on: views (steps, ...) of blocks (blocks, ...)."""
        apart, span = self.stride // self.block, (steps - 1) * self.stride // self.block + 1
        return [blocks[first : first + span : apart] for first in range(self.pool // self.block)]


@dataclass(frozen=True)
class Bend:
    """A function of every output: itself, in the output's place, and in the output's place a gradient through it."""

    value: Callable[[Tensor], Tensor]
    value_: Callable[[Tensor], Tensor]
    gradient_: Callable[[Tensor, Tensor], Tensor]  # (gradient, output), the gradient may be broadcast


def leaky_relu(slope: float) -> Bend:
    """LeakyReLU."""

    def gradient_(g: Tensor, z: Tensor) -> Tensor:
        return torch.ops.aten.leaky_relu_backward.grad_input(g.expand_as(z), z, slope, False, grad_input=z)

    return Bend(
        partial(functional.leaky_relu, negative_slope=slope),
        partial(functional.leaky_relu_, negative_slope=slope),
        gradient_,
    )


SQUARE = Bend(torch.square, torch.square_, lambda g, z: z.mul_(2 * g))


def filtered_steps(
    x: Tensor, convolutions: Sequence[nn.Conv2d], mean: Mean, bend: Bend, formulation: str = "auto"
) -> Tensor:
    """Filter, bend and average; the branches' steps one behind the other.

    Args:
        x: (B, C, L).
        convolutions: of every branch, from 1 to F channels, 1 x K, not padded; F is the same of all.
        mean: over time.
        bend: what is done to the filters' outputs.
        formulation: ``plain``, or ``auto``: the bank wherever x needs no gradient.

    Returns:
        (sum of U, F, C, B). The bank can be differentiated once.
    """
    if formulation == "plain" or x.requires_grad:
        parts = [bend.value(convolution(x.unsqueeze(1))) for convolution in convolutions]
        size = ((1, mean.pool), (1, mean.stride))
        return torch.cat([functional.avg_pool2d(h, *size) for h in parts], dim=3).permute(3, 1, 2, 0)
    windows = Windows(x, [c.kernel_size[1] for c in convolutions], mean.block, padded=False)
    filters = [c.weight.flatten(1) for c in convolutions]
    offsets = [cast(Tensor, c.bias) for c in convolutions]
    return filter_bank(windows, filters, offsets, mean, bend).unflatten(2, (x.shape[1], x.shape[0]))


def filter_bank(
    windows: Windows, filters: Sequence[Tensor], offsets: Sequence[Tensor], mean: Mean, bend: Bend
) -> Tensor:
    """The bank itself: filters (F, K) and offsets (F,) of every branch -> (sum of U, F, R).

    ``windows`` have blocks of ``mean.block`` outputs.
    """
    matrices = [_toeplitz(weight, mean.block) for weight in filters]
    return cast(Tensor, _Bank.apply(windows, mean, bend, *matrices, *offsets))


def _toeplitz(weight: Tensor, block: int) -> Tensor:
    """Filters (F, K) -> (P F, P + K - 1): samples of a block to its P outputs of every filter."""
    shifted = functional.pad(weight, (block - 1, block - 1)).unfold(1, block, 1).flip(2)  # (F, P + K - 1, P)
    return shifted.permute(2, 0, 1).flatten(0, 1)


class _Bank(torch.autograd.Function):
    """mean(bend(matrix @ samples + offset)) of every branch, part by part."""

    @staticmethod
    def forward(ctx: Any, windows: Windows, mean: Mean, bend: Bend, *given: Tensor) -> Tensor:
        ctx.save_for_backward(*given)
        ctx.windows, ctx.mean, ctx.bend = windows, mean, bend
        steps = [mean.steps(windows.count(kernel)) for kernel in windows.kernels]
        filters = len(given[-1])
        found = given[-1].new_empty(sum(steps), filters, windows.signals)
        for number, h in enumerate(found.split(steps)):
            matrix, offset = given[number], given[len(steps) + number]
            for columns in _columns(windows, matrix):
                sums = found.new_empty(mean.blocks(len(h)), filters, columns.stop - columns.start)
                for begin, end, _, z in _products(windows, number, matrix, offset, columns, len(sums)):
                    torch.sum(bend.value_(z), dim=1, out=sums[begin:end])
                first, *others = mean.parts(sums, len(h))
                averaged = torch.div(first, mean.pool, out=h[:, :, columns])
                for other in others:
                    averaged.add_(other, alpha=1 / mean.pool)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        given, windows, mean = ctx.saved_tensors, ctx.windows, ctx.mean
        of_given = [torch.zeros_like(t) for t in given]
        steps = [mean.steps(windows.count(kernel)) for kernel in windows.kernels]
        for number, g in enumerate(gradient.split(steps)):
            matrix, offset = given[number], given[len(steps) + number]
            for columns in _columns(windows, matrix):
                outward = g.new_zeros(mean.blocks(len(g)), len(offset), columns.stop - columns.start)
                for part in mean.parts(outward, len(g)):
                    part.add_(g[:, :, columns], alpha=1 / mean.pool)
                for begin, end, met, z in _products(windows, number, matrix, offset, columns, len(outward)):
                    z = ctx.bend.gradient_(outward[begin:end].unsqueeze(1), z)
                    of_given[number] += torch.bmm(z.flatten(1, 2), met.mT).sum(dim=0)
                    of_given[len(steps) + number] += z.sum(dim=(0, 1, 3))
        return None, None, None, *of_given


def _columns(windows: Windows, matrix: Tensor) -> Iterator[slice]:
    """Signals whose products of one block stay in the cache; all of them where there is none to speak of."""
    fit = max(1, CACHED // len(matrix)) if matrix.device.type == "cpu" else windows.signals
    size = math.ceil(windows.signals / max(1, math.ceil(windows.signals / fit)))  # all of about one size
    for begin in range(0, windows.signals, max(1, size)):
        yield slice(begin, min(begin + size, windows.signals))


def _products(
    windows: Windows, branch: int, matrix: Tensor, offset: Tensor, columns: slice, blocks: int
) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """Blocks begin to end, their samples (end - begin, P + K - 1, r) and their outputs (end - begin, P, F, r)."""
    numbers = len(matrix) * (columns.stop - columns.start)
    size = max(1, CACHED // numbers) if matrix.device.type == "cpu" else max(1, blocks)
    for begin in range(0, blocks, size):
        end = min(begin + size, blocks)
        met = windows.blocks(windows.kernels[branch], begin, end, columns)
        z = torch.bmm(matrix.expand(end - begin, -1, -1), met)
        yield begin, end, met, z.unflatten(1, (windows.block, -1)).add_(offset.unsqueeze(1))
