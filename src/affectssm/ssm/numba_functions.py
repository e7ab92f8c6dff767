"""Both scans as differentiable functions of float32 tensors, computed by the numba kernels.

A *unit* of work is a part of the channels of one batch element (and group). Gradients that are summed over units are
summed part by part. Units and parts depend on the shape alone, so the result is the same with any number of threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affectssm.ssm import heap, threads
from affectssm.ssm.arguments import ScanOverflowError
from affectssm.ssm.numba_cache import own_cache

with own_cache():
    from affectssm.ssm import numba_coupled, numba_selective

LANES, FOUR = 16, 4
PARTS = 16  # in how many parts a gradient that is summed over the batch is summed
CHUNK_STATES = (
    1024  # states of one channel that a chunk holds; arrays of that many vectors fit the second-level cache
)
MIN_CHUNK = 16
BLOCKS_OF_UNIT = (
    4  # at least: 64 neighbouring channels, whose gradients of B and C are summed before they are stored
)

heap.keep_freed_memory()


class SelectiveScan(torch.autograd.Function):
    """The selective scan."""

    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor | None,
        z: Tensor | None,
        bias: Tensor | None,
        softplus: bool,
        reverse: tuple[bool, ...],
    ) -> tuple[Tensor, Tensor]:
        batch, channels, length = u.shape
        states, groups = A.shape[1], len(reverse)
        ctx.keep = any(ctx.needs_input_grad)
        ctx.softplus, ctx.reverse = softplus, reverse
        ctx.every = steps_of_chunk(length, states)
        ctx.blocks = _blocks(channels // groups)
        ctx.splits = splits_of(batch * groups, ctx.blocks)
        inputs = _selective_inputs(ctx, (u, delta, A, B, C, D, z, bias))
        kept = _kept(u, ctx, batch * groups, length, _fours(states))
        y, last = heap.empty_like(u), u.new_empty(batch, channels, states)
        outputs = array(y, 0, 2, 1), array(last), kept.numpy()
        threads.run(
            lambda part, begin, end: numba_selective.forward(*inputs, *outputs, begin, end),
            threads.ranges(batch * groups * ctx.splits, 4 * PARTS),
        )
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, kept)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, kept = ctx.saved_tensors
        u, delta, A, B, C, D, z, bias = tensors
        groups, states = len(ctx.reverse), A.shape[1]
        parts = threads.ranges(len(u) * groups * ctx.splits, PARTS)
        du, ddelta, dz = (
            heap.empty_like(u),
            heap.empty_like(delta),
            None if z is None else heap.empty_like(z),
        )
        dA, dD, dbias = (
            u.new_zeros(len(parts), groups * ctx.blocks, n * LANES) for n in (_fours(states), 1, 1)
        )
        dB, dC = (_parts_like(t, ctx.splits) for t in (B, C))
        given = *_selective_inputs(ctx, tensors), kept.numpy(), array(dy, 0, 2, 1), array(dlast)
        found = (
            array(du, 0, 2, 1), array(ddelta, 0, 2, 1), array(dA.view(-1)), array(dB, 0, 1, 2, 4, 3),
            array(dC, 0, 1, 2, 4, 3), array(dD.view(-1)), array(dbias.view(-1)), array(dz, 0, 2, 1),
        )  # fmt: skip
        threads.run(
            lambda part, begin, end: numba_selective.backward(*given, *found, part, begin, end),
            parts,
            last_first=True,
        )

        def of_channels(sums: Tensor, n: int) -> Tensor:
            """(parts, G * blocks, n or more * 16) -> (D, n)."""
            joined = sums.sum(0).view(groups, ctx.blocks, -1, LANES).transpose(2, 3).flatten(1, 2)
            return joined[:, : u.shape[1] // groups, :n].flatten(0, 1)

        return (
            du, ddelta, of_channels(dA, states), _joined(dB), _joined(dC),
            None if D is None else of_channels(dD, 1)[:, 0], dz,
            None if bias is None else of_channels(dbias, 1)[:, 0], None, None,
        )  # fmt: skip


class CoupledScan(torch.autograd.Function):
    """The coupled scan with one pooled state, couplings mean and sum; modality and batch, or channel, are one axis."""

    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor | None,
        z: Tensor | None,
        bias: Tensor | None,
        modalities: int,
        softplus: bool,
        reverse: bool,
        coupling: str,
    ) -> tuple[Tensor, Tensor]:
        rows, channels, length = u.shape
        batch, states = rows // modalities, A.shape[1]
        ctx.modalities = modalities
        ctx.keep = any(ctx.needs_input_grad)
        ctx.softplus, ctx.reverse, ctx.guard = softplus, reverse, coupling == "sum"
        ctx.scale = 1 / modalities if coupling == "mean" else 1.0
        ctx.every = steps_of_chunk(length, states * modalities)
        ctx.blocks = _blocks(channels)
        ctx.splits = splits_of(batch, ctx.blocks)
        kept = _kept(u, ctx, batch, length, _fours(states))
        y, last = heap.empty_like(u), u.new_empty(rows, channels, states)
        broken = np.full(batch * ctx.splits, length, np.int64)
        inputs = _coupled_inputs(ctx, (u, delta, A, B, C, D, z, bias))
        outputs = array(y, 0, 2, 1), array(last), kept.numpy(), broken
        threads.run(
            lambda part, begin, end: numba_coupled.forward(*inputs, *outputs, begin, end),
            threads.ranges(batch * ctx.splits, 4 * PARTS),
        )
        if (step := int(broken.min())) < length:
            raise ScanOverflowError(step, length)
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, kept)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, kept = ctx.saved_tensors
        u, delta, A, B, C, D, z, bias = tensors
        modalities, channels, states = ctx.modalities, u.shape[1], A.shape[1]
        batch = len(u) // modalities
        parts = threads.ranges(batch * ctx.splits, PARTS)
        du, ddelta, dz = (
            heap.empty_like(u),
            heap.empty_like(delta),
            None if z is None else heap.empty_like(z),
        )
        dA = u.new_zeros(len(parts), ctx.blocks, modalities * _fours(states) * LANES)
        dD, dbias = (u.new_zeros(len(parts), ctx.blocks, modalities, LANES) for _ in range(2))
        dB, dC = (_parts_like(t, ctx.splits) for t in (B, C))
        given = *_coupled_inputs(ctx, tensors), kept.numpy(), array(dy, 0, 2, 1), array(dlast)
        found = (
            array(du, 0, 2, 1), array(ddelta, 0, 2, 1), array(dA.view(-1)), array(dB, 0, 1, 3, 2),
            array(dC, 0, 1, 3, 2), array(dD.view(-1)), array(dbias.view(-1)), array(dz, 0, 2, 1),
        )  # fmt: skip
        threads.run(
            lambda part, begin, end: numba_coupled.backward(*given, *found, part, begin, end),
            parts,
            last_first=True,
        )

        def of_channels(sums: Tensor, n: int) -> Tensor:
            """(parts, blocks, M * n or more * 16) -> (M * D, n)."""
            joined = sums.sum(0).view(ctx.blocks, modalities, -1, LANES).permute(1, 0, 3, 2).flatten(1, 2)
            return joined[:, :channels, :n].flatten(0, 1)

        return (
            du, ddelta, of_channels(dA, states), _joined(dB), _joined(dC),
            None if D is None else of_channels(dD, 1)[:, 0], dz,
            None if bias is None else of_channels(dbias, 1)[:, 0], *[None] * 4,
        )  # fmt: skip


def steps_of_chunk(length: int, states: int) -> int:
    """Steps between two kept states: at most a sixteenth of all states is kept."""
    return max(1, min(length, max(MIN_CHUNK, CHUNK_STATES // states)))


def splits_of(rows: int, blocks: int) -> int:
    """In how many units a row's channels are worked on: enough for the threads, few enough for the memory."""
    return max(1, min(-(-PARTS // rows), blocks // BLOCKS_OF_UNIT))


def array(tensor: Tensor | None, *axes: int) -> np.ndarray:
    """The tensor's memory as an array with its axes in this order; one number where there is no tensor."""
    if tensor is None:
        return np.zeros((1,) * len(axes), np.float32)
    found = tensor.detach().numpy()
    return found.transpose(axes) if axes else found


def _selective_inputs(ctx: Any, tensors: Any) -> tuple[Any, ...]:
    """What both kernels of the selective scan begin with."""
    u, delta, A, B, C, D, z, bias = tensors
    rows = (np.zeros(len(A), np.float32) if t is None else array(t.contiguous()) for t in (D, bias))
    return (
        array(u, 0, 2, 1), array(delta, 0, 2, 1), array(A), array(B, 0, 1, 3, 2), array(C, 0, 1, 3, 2), *rows,
        array(z, 0, 2, 1), np.array([ctx.softplus, z is not None, ctx.keep]), np.array(ctx.reverse),
        ctx.every, ctx.splits,
    )  # fmt: skip


def _coupled_inputs(ctx: Any, tensors: Any) -> tuple[Any, ...]:
    """What both kernels of the coupled scan begin with."""
    u, delta, A, B, C, D, z, bias = tensors
    rows = (np.zeros(len(A), np.float32) if t is None else array(t.contiguous()) for t in (D, bias))
    flags = np.array([ctx.softplus, z is not None, ctx.keep, ctx.reverse, ctx.guard])
    return (
        array(u, 0, 2, 1), array(delta, 0, 2, 1), array(A), array(B, 0, 2, 1), array(C, 0, 2, 1), *rows,
        array(z, 0, 2, 1), flags, ctx.scale, ctx.modalities, ctx.every, ctx.splits,
    )  # fmt: skip


def _kept(like: Tensor, ctx: Any, rows: int, length: int, states: int) -> Tensor:
    """Memory for the states at the beginning of every chunk, where there will be a backward pass."""
    chunks = -(-length // ctx.every)
    return like.new_empty(rows * ctx.blocks * chunks * states * LANES if ctx.keep else 1)


def _blocks(channels: int) -> int:
    return -(-channels // LANES)


def _fours(states: int) -> int:
    """The kernels work on states in fours."""
    return -(-states // FOUR) * FOUR


def _parts_like(projection: Tensor, splits: int) -> Tensor:
    """Memory for what every unit of a row adds to a gradient, (splits, B, G, N, L) or (splits, M * B, N, L)."""
    if splits == 1:
        return torch.empty_like(projection)[None]
    *outer, states, length = projection.shape
    return projection.new_empty(splits, *outer, length, states).transpose(-1, -2)


def _joined(parts: Tensor) -> Tensor:
    """The sum of what the units add to a gradient."""
    return parts[0] if len(parts) == 1 else parts.sum(0)
