"""The selective scan as a differentiable function of float32 tensors, computed by the numba kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affectssm.ssm import heap, threads
from affectssm.ssm.numba_cache import own_cache
from affectssm.ssm.numba_units import (
    LANES,
    array,
    blocks,
    fours,
    joined,
    parts_like,
    parts_of,
    per_channel,
    room_for_kept,
    signal_gradients,
    splits_of,
    steps_of_chunk,
    streams,
    vectors,
)

with own_cache():
    from affectssm.ssm import numba_selective


class SelectiveScan(torch.autograd.Function):
    """The selective scan, or M of them side by side, where scan and batch, or scan and channel, are one axis."""

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
        scans: int = 1,
    ) -> tuple[Tensor, Tensor]:
        batch, channels, length = u.shape
        states, groups = A.shape[1], len(reverse)
        ctx.keep = any(ctx.needs_input_grad)
        ctx.softplus, ctx.reverse, ctx.scans = softplus, reverse, scans
        ctx.every = steps_of_chunk(length, states)
        ctx.blocks = blocks(channels // groups)
        ctx.splits = splits_of(batch * groups, ctx.blocks)
        kept = room_for_kept(u, ctx, batch * groups, length, fours(states))
        y, last = heap.empty_like(u), u.new_empty(batch, channels, states)
        inputs = _selective_inputs(ctx, (u, delta, A, B, C, D, z, bias), y)
        outputs = array(y, 0, 2, 1), array(last), kept.numpy()
        threads.run(
            lambda part, begin, end: numba_selective.forward(*inputs, *outputs, begin, end),
            threads.ranges(batch * groups * ctx.splits, threads.parts_for_all()),
        )
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, kept)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, kept = ctx.saved_tensors
        u, delta, A, B, C, D, z, bias = tensors
        groups, states = len(ctx.reverse), A.shape[1]
        parts = threads.ranges(len(u) * groups * ctx.splits, parts_of(u.numel() * states))
        du, ddelta, dz = signal_gradients(u, delta, z)
        dA, dD, dbias = (
            u.new_zeros(len(parts), ctx.scans * groups, ctx.blocks, n, LANES) for n in (fours(states), 1, 1)
        )
        dB, dC = (parts_like(t, ctx.splits) for t in (B, C))
        given = (
            *_selective_inputs(ctx, tensors, du, ddelta, dz),
            kept.numpy(),
            array(dy, 0, 2, 1),
            array(dlast),
        )
        found = (
            array(du, 0, 2, 1), array(ddelta, 0, 2, 1), array(dA.view(-1)), array(dB, 0, 1, 2, 4, 3),
            array(dC, 0, 1, 2, 4, 3), array(dD.view(-1)), array(dbias.view(-1)), array(dz, 0, 2, 1),
        )  # fmt: skip
        threads.run(
            lambda part, begin, end: numba_selective.backward(*given, *found, part, begin, end),
            parts,
            last_first=True,
        )

        width = u.shape[1] // groups
        return (
            du, ddelta, per_channel(dA, width, states), joined(dB), joined(dC),
            None if D is None else per_channel(dD, width, 1)[:, 0], dz,
            None if bias is None else per_channel(dbias, width, 1)[:, 0], *[None] * 3,
        )  # fmt: skip


def _selective_inputs(ctx: Any, tensors: Any, *written: Tensor | None) -> tuple[Any, ...]:
    """What both kernels of the selective scan begin with."""
    u, delta, A, B, C, D, z, bias = tensors
    past_caches = streams(u.shape[1] // len(ctx.reverse), *written)
    return (
        array(u, 0, 2, 1), array(delta, 0, 2, 1), array(A), array(B, 0, 1, 3, 2), array(C, 0, 1, 3, 2),
        *vectors(A, D, bias),
        array(z, 0, 2, 1), np.array([ctx.softplus, z is not None, past_caches, ctx.keep]),
        np.array(ctx.reverse), ctx.scans, ctx.every, ctx.splits,
    )  # fmt: skip
