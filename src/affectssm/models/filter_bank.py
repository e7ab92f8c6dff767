"""Banks of filters along time, what bends their outputs, and means over time, as one operation.

Two formulations with the same values. ``plain`` is the layers one after the other; at 36 channels of 512 samples and a
batch of 60 a filter's outputs are 4 MB, written and read again by every layer forward and backward, and the
convolutions of one input channel are slow themselves. ``auto`` never stores them:

* A block of Q outputs of a filter is a product of the filter's Toeplitz matrix with Q + K - 1 samples, so the
  convolution is a matrix product a block. Q divides what is averaged, or, where means overlap, what they share; it is
  as small as products of some size allow, since Q + K - 1 samples are multiplied where K would do.
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
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from affectssm.models.windows import Windows

FORMULATIONS = ("auto", "plain")
CACHED = 2**19  # numbers a part's products hold: 2 MB in float32
ROWS = 2**5  # rows of a matrix that a product is worth its call with


@dataclass(frozen=True)
class Mean:
    """Means over ``pool`` outputs, ``stride`` outputs apart; what is left at the end is dropped."""

    pool: int
    stride: int

    @property
    def block(self) -> int:
        """P: every mean is made of whole blocks, and begins with one."""
        return math.gcd(self.pool, self.stride)

    @property
    def apart(self) -> bool:
        """Whether a block is a mean."""
        return self.pool == self.stride

    def piece(self, filters: int) -> int:
        """Q, outputs a product: it divides P."""
        sizes = (size for size in range(1, self.block) if self.block % size == 0 and size * filters >= ROWS)
        return next(sizes, self.block)

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
    kernels, piece = [c.kernel_size[1] for c in convolutions], mean.piece(convolutions[0].out_channels)
    filters = [c.weight.flatten(1) for c in convolutions]
    offsets = [cast(Tensor, c.bias) for c in convolutions]
    found = filter_bank(Windows(x, kernels, piece, padded=False), filters, offsets, mean, bend)
    return found.unflatten(2, (x.shape[1], x.shape[0]))


def filter_bank(
    windows: Windows, filters: Sequence[Tensor], offsets: Sequence[Tensor], mean: Mean, bend: Bend
) -> Tensor:
    """The bank itself: filters (F, K) and offsets (F,) of some branches -> (sum of U, F, R).

    ``windows`` have blocks of ``mean.piece(F)`` outputs.
    """
    return cast(Tensor, _Bank.apply(windows, mean, bend, *filters, *offsets))


def _toeplitz(weight: Tensor, block: int) -> Tensor:
    """Filters (F, K) -> (Q F, Q + K - 1): samples of a block to its Q outputs of every filter."""
    filters, kernel = weight.shape
    met = block + kernel - 1
    matrix = weight.new_zeros(block * filters, met)
    matrix.as_strided((block, filters, kernel), (filters * met + 1, met, 1)).copy_(weight)
    return matrix


def _of_filters(of_matrix: Tensor, filters: int, block: int) -> Tensor:
    """The gradient of filters (F, K) from that of their Toeplitz matrix, turned: (Q + K - 1, Q F)."""
    met, rows = of_matrix.shape
    return of_matrix.as_strided((block, met - block + 1, filters), (rows + filters, rows, 1)).sum(dim=0).mT


class _Bank(torch.autograd.Function):
    """mean(bend(Toeplitz matrix of the filters @ samples + offset)) of every branch, part by part."""

    @staticmethod
    def forward(ctx: Any, windows: Windows, mean: Mean, bend: Bend, *given: Tensor) -> Tensor:
        ctx.save_for_backward(*given)
        ctx.windows, ctx.mean, ctx.bend = windows, mean, bend
        branches = _branches(windows, mean, given)
        filters = len(given[-1])
        found = given[-1].new_empty(sum(branch.steps for branch in branches), filters, windows.signals)
        for branch, h in zip(branches, found.split([branch.steps for branch in branches]), strict=True):
            for columns, outputs in _columns(windows, mean, branch):
                own = h[:, :, columns]
                size = mean.blocks(branch.steps), filters, columns.stop - columns.start
                sums = own if mean.apart else found.new_empty(size)
                for begin, end, _, z in _products(windows, mean, branch, columns, outputs):
                    torch.sum(bend.value_(z), dim=1, out=sums[begin:end])
                if not mean.apart:
                    first, *others = mean.parts(sums, branch.steps)
                    own.copy_(first)
                    for other in others:
                        own += other
        return found.div_(mean.pool)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        windows, mean = ctx.windows, ctx.mean
        branches = _branches(windows, mean, ctx.saved_tensors)
        of_filters, of_offsets = [], []
        for branch, g in zip(branches, gradient.contiguous().split([b.steps for b in branches]), strict=True):
            of_matrix = g.new_zeros(branch.matrix.shape[::-1])
            of_offset = torch.zeros_like(branch.offset)
            for columns, outputs in _columns(windows, mean, branch):
                outward = g[:, :, columns]
                if not mean.apart:
                    outward = g.new_zeros(mean.blocks(branch.steps), *outward.shape[1:])
                    for part in mean.parts(outward, branch.steps):
                        part += g[:, :, columns]
                for begin, end, met, z in _products(windows, mean, branch, columns, outputs):
                    z = ctx.bend.gradient_(outward[begin:end].unsqueeze(1), z)
                    of_offset += z.sum(dim=(0, 1, 3))
                    of_matrix += torch.bmm(met, z.view(met.shape[0], -1, met.shape[2]).mT).sum(dim=0)
            of_filters.append(_of_filters(of_matrix, len(of_offset), windows.block) / mean.pool)
            of_offsets.append(of_offset.div_(mean.pool))
        return None, None, None, *of_filters, *of_offsets


class _Branch(NamedTuple):
    """One branch of the bank, and how many means are taken of its outputs."""

    matrix: Tensor  # (Q F, Q + K - 1)
    offset: Tensor  # (F,)
    kernel: int
    steps: int


def _branches(windows: Windows, mean: Mean, given: Sequence[Tensor]) -> list[_Branch]:
    """Of the filters of all branches, and their offsets."""
    count = len(given) // 2
    return [
        _Branch(_toeplitz(weight, windows.block), offset, kernel, mean.steps(windows.count(kernel)))
        for weight, offset in zip(given[:count], given[count:], strict=True)
        for kernel in (weight.shape[1],)
    ]


def _columns(windows: Windows, mean: Mean, branch: _Branch) -> Iterator[tuple[slice, Tensor]]:
    """Parts of the signals, and room for so many products of theirs as stay in the cache; all at once on a GPU."""
    whole, blocks = branch.matrix.device.type != "cpu", mean.blocks(branch.steps)
    numbers = mean.block * len(branch.offset)  # of a block and signal
    fit = windows.signals if whole else max(1, CACHED // numbers)
    across = math.ceil(windows.signals / max(1, math.ceil(windows.signals / fit)))  # all of about one size
    for begin in range(0, windows.signals, max(1, across)):
        columns = slice(begin, min(begin + across, windows.signals))
        signals = columns.stop - columns.start
        size = blocks if whole else min(blocks, max(1, CACHED // (numbers * signals)))
        pieces = size * mean.block // windows.block
        yield columns, branch.matrix.new_empty(pieces, len(branch.matrix), signals)


def _products(
    windows: Windows, mean: Mean, branch: _Branch, columns: slice, outputs: Tensor
) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """Blocks begin to end, their samples (pieces, Q + K - 1, r) and their outputs (end - begin, P, F, r)."""
    pieces, blocks = mean.block // windows.block, mean.blocks(branch.steps)  # pieces of a block
    size, matrix, offset = outputs.shape[0] // pieces, branch.matrix.unsqueeze(0), branch.offset.unsqueeze(1)
    for begin in range(0, blocks, max(1, size)):
        end = min(begin + size, blocks)
        z = outputs[: (end - begin) * pieces]
        met = windows.blocks(branch.kernel, begin * pieces, end * pieces, columns)
        torch.bmm(matrix.expand(z.shape[0], -1, -1), met, out=z)
        z = z.view(end - begin, mean.block, offset.shape[0], -1)
        yield begin, end, met, z.add_(offset)
