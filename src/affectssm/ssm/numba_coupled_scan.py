"""The coupled scan as a differentiable function of float32 tensors, computed by the numba kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affectssm.ssm import heap, threads
from affectssm.ssm.arguments import ScanOverflowError
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
    from affectssm.ssm import numba_coupled


class CoupledScan(torch.autograd.Function):
    """The coupled scan with mean, sum or mix; modality and batch, or modality and channel, are one axis."""

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
        mix: Tensor | None,
        modalities: int,
        softplus: bool,
        reverse: bool,
        coupling: str,
    ) -> tuple[Tensor, Tensor]:
        rows, channels, length = u.shape
        batch, states = rows // modalities, A.shape[1]
        ctx.modalities = modalities
        ctx.keep = any(ctx.needs_input_grad)
        ctx.softplus, ctx.reverse = softplus, reverse
        ctx.scale = 1 / modalities if coupling == "mean" else 1.0
        ctx.coupling, pools = coupling, modalities if coupling == "mix" else 1
        ctx.every = steps_of_chunk(length, states * modalities)
        ctx.blocks = blocks(channels)
        ctx.splits = splits_of(batch, ctx.blocks)
        kept = room_for_kept(u, ctx, batch, length, pools * fours(states))
        y, last = heap.empty_like(u), u.new_empty(rows, channels, states)
        broken = np.full(batch * ctx.splits, length, np.int64)
        inputs = _coupled_inputs(ctx, (u, delta, A, B, C, D, z, bias, mix), y)
        outputs = array(y, 0, 2, 1), array(last), kept.numpy(), broken
        threads.run(
            lambda part, begin, end: numba_coupled.forward(*inputs, *outputs, begin, end),
            threads.ranges(batch * ctx.splits, threads.parts_for_all()),
        )
        if (step := int(broken.min(initial=length))) < length:
            raise ScanOverflowError(step, length)
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, mix, kept)
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, kept = ctx.saved_tensors
        u, delta, A, B, C, D, z, bias, _ = tensors
        modalities, channels, states = ctx.modalities, u.shape[1], A.shape[1]
        batch = len(u) // modalities
        parts = threads.ranges(batch * ctx.splits, parts_of(u.numel() * states))
        du, ddelta, dz = signal_gradients(u, delta, z)
        dA, dD, dbias = (
            u.new_zeros(len(parts), ctx.blocks, modalities, n, LANES) for n in (fours(states), 1, 1)
        )
        dmix = u.new_zeros(len(parts), modalities, modalities, LANES if ctx.needs_input_grad[8] else 0)
        dB, dC = (parts_like(t, ctx.splits) for t in (B, C))
        given = *_coupled_inputs(ctx, tensors, du, ddelta, dz), kept.numpy(), array(dy, 0, 2, 1), array(dlast)
        found = (
            array(du, 0, 2, 1), array(ddelta, 0, 2, 1), array(dA.view(-1)), array(dB, 0, 1, 3, 2),
            array(dC, 0, 1, 3, 2), array(dD.view(-1)), array(dbias.view(-1)), array(dz, 0, 2, 1),
            array(dmix.view(-1)),
        )  # fmt: skip
        threads.run(
            lambda part, begin, end: numba_coupled.backward(*given, *found, part, begin, end),
            parts,
            last_first=True,
        )

        dA, dD, dbias = (sums.transpose(1, 2) for sums in (dA, dD, dbias))
        return (
            du, ddelta, per_channel(dA, channels, states), joined(dB), joined(dC),
            None if D is None else per_channel(dD, channels, 1)[:, 0], dz,
            None if bias is None else per_channel(dbias, channels, 1)[:, 0],
            dmix.sum((0, 3)) if ctx.needs_input_grad[8] else None, *[None] * 4,
        )  # fmt: skip


def _coupled_inputs(ctx: Any, tensors: Any, *written: Tensor | None) -> tuple[Any, ...]:
    """What both kernels of the coupled scan begin with."""
    u, delta, A, B, C, D, z, bias, mix = tensors
    past_caches = streams(u.shape[1], *written)
    flags = [
        ctx.softplus, z is not None, past_caches, ctx.reverse, mix is not None, ctx.keep, ctx.coupling == "sum",
    ]  # fmt: skip
    weights = np.zeros(1, np.float32) if mix is None else array(mix.reshape(-1))
    return (
        array(u, 0, 2, 1), array(delta, 0, 2, 1), array(A), array(B, 0, 2, 1), array(C, 0, 2, 1),
        *vectors(A, D, bias),
        array(z, 0, 2, 1), np.array(flags), ctx.scale, weights,
        ctx.modalities, ctx.every, ctx.splits,
    )  # fmt: skip
