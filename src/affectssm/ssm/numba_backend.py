"""The CPU's backend: kernels that numba compiles for the machine at first use and keeps in its cache.

States live in registers and in the first-level cache; what stays in memory is the state at the beginning of every
chunk of steps, from which the backward pass computes the others again.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affectssm.ssm import threads
from affectssm.ssm.arguments import Coupled, Selective

NAME = "numba"
LANES = 16
PARTS = 16  # in how many parts a gradient that is summed over the batch is summed
CHUNK_STATES = 512  # states of one channel that a chunk holds: two arrays of that many vectors fit the caches
MIN_CHUNK = 16


def why_not(asked: Selective | Coupled) -> str | None:
    """CPU tensors, discretisation ``mamba``, not float64."""
    if asked.u.device.type != "cpu":
        return f"the tensors lie on {asked.u.device.type}, numba runs on CPUs"
    if importlib.util.find_spec("numba") is None:
        return "numba is not installed (it is in envs/requirements.lock)"
    if asked.discretisation != "mamba":
        return f"numba has no discretisation {asked.discretisation!r}"
    if asked.u.dtype == torch.float64:
        return "numba keeps float32 states, float64 inputs want the reference"
    return None


def steps_of_chunk(length: int, states: int) -> int:
    """Steps between two kept states: at most a sixteenth of all states is kept."""
    return max(1, min(length, max(MIN_CHUNK, CHUNK_STATES // states)))


def selective(asked: Selective) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N)."""
    u = asked.u
    y, last = _Selective.apply(
        *(t if t is None else t.float() for t in (
            u, asked.delta, asked.A, asked.B, asked.C, asked.D, asked.z, asked.delta_bias,
        )),
        asked.delta_softplus, asked.reverse,
    )  # fmt: skip
    return y.to(u.dtype), last


def coupled(asked: Coupled) -> tuple[Tensor, Tensor]:
    raise NotImplementedError


def array(tensor: Tensor | None, *axes: int) -> np.ndarray:
    """The tensor's memory as an array with its axes in this order; one number where there is no tensor."""
    if tensor is None:
        return np.zeros((1,) * max(1, len(axes)), np.float32)
    found = tensor.detach().numpy()
    return found.transpose(axes) if axes else found


def row(tensor: Tensor | None, channels: int) -> np.ndarray:
    """A number a channel; zeros where there is no tensor."""
    return np.zeros(channels, np.float32) if tensor is None else tensor.detach().contiguous().numpy()


def dense_like(tensor: Tensor) -> Tensor:
    """Uninitialised memory with the axes in the order that the tensor's memory has."""
    return torch.empty_like(tensor, memory_format=torch.preserve_format)


class _Selective(torch.autograd.Function):
    """The selective scan of float32 tensors."""

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
        from affectssm.ssm import numba_selective as kernels

        batch, channels, length = u.shape
        states, groups = A.shape[1], len(reverse)
        blocks = -(-channels // groups // LANES)
        every = steps_of_chunk(length, states)
        keep = any(ctx.needs_input_grad)
        kept = u.new_empty(batch * groups * blocks * -(-length // every) * states * LANES if keep else 1)
        y, last = dense_like(u), u.new_empty(batch, channels, states)
        flags = np.array([softplus, z is not None, keep])
        inputs = (
            array(u, 0, 2, 1), array(delta, 0, 2, 1), array(A), array(B, 0, 1, 3, 2), array(C, 0, 1, 3, 2),
            row(D, channels), row(bias, channels), array(z, 0, 2, 1), flags, np.array(reverse), every,
        )  # fmt: skip
        outputs = (array(y, 0, 2, 1), array(last), kept.numpy())
        units = batch * groups * blocks
        threads.run(
            lambda part, begin, end: kernels.forward(*inputs, *outputs, begin, end),
            threads.ranges(units, 4 * PARTS),
        )
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, kept)
        ctx.softplus, ctx.reverse, ctx.every = softplus, reverse, every
        return y, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor, dlast: Tensor) -> tuple[Tensor | None, ...]:
        from affectssm.ssm import numba_selective as kernels

        u, delta, A, B, C, D, z, bias, kept = ctx.saved_tensors
        batch, channels, _ = u.shape
        states, groups = A.shape[1], len(ctx.reverse)
        blocks = -(-channels // groups // LANES)
        splits = _splits(batch * groups, blocks)
        units = batch * groups * splits
        parts = threads.ranges(units, PARTS)
        rows = len(parts), groups * blocks, LANES
        du, ddelta = dense_like(u), dense_like(delta)
        dz = None if z is None else dense_like(z)
        dA = u.new_zeros(len(parts), groups * blocks, states, LANES)
        dD, dbias = u.new_zeros(rows), u.new_zeros(rows)
        dB, dC = (torch.stack([dense_like(t)] * splits) if splits > 1 else dense_like(t)[None] for t in (B, C))
        flags = np.array([ctx.softplus, z is not None, True])
        inputs = (
            array(u, 0, 2, 1), array(delta, 0, 2, 1), array(A), array(B, 0, 1, 3, 2), array(C, 0, 1, 3, 2),
            row(D, channels), row(bias, channels), array(z, 0, 2, 1), flags, np.array(ctx.reverse), ctx.every,
            kept.numpy(), array(dy, 0, 2, 1), array(dlast), splits,
            array(du, 0, 2, 1), array(ddelta, 0, 2, 1), dA.numpy(), array(dB, 0, 1, 2, 4, 3), array(dC, 0, 1, 2, 4, 3),
            dD.numpy(), dbias.numpy(), array(dz, 0, 2, 1),
        )  # fmt: skip
        threads.run(lambda part, begin, end: kernels.backward(*inputs, part, begin, end), parts)
        width = channels // groups

        def of_channels(sums: Tensor) -> Tensor:
            """(parts, G * blocks, ..., 16) -> (D, ...)."""
            joined = sums.sum(0).movedim(-1, 1).reshape(groups, blocks * LANES, *sums.shape[2:-1])
            return joined[:, :width].reshape(channels, *sums.shape[2:-1])

        summed = (t[0] if splits == 1 else t.sum(0) for t in (dB, dC))
        return (
            du, ddelta, of_channels(dA), *summed,
            None if D is None else of_channels(dD), dz, None if bias is None else of_channels(dbias), None, None,
        )  # fmt: skip


def _splits(rows: int, blocks: int) -> int:
    """In how many parts a group's channels are worked on: enough for the threads, few enough for the memory."""
    return max(1, min(-(-PARTS // rows), blocks // 4))
