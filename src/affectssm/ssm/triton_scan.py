"""Both scans as one differentiable function, computed by the Triton kernels.

A selective scan is G groups of channels with one modality each, a coupled one a single group with M modalities, and one
without coupling M groups again. The arguments are views of what the caller gave, (B, G, M, W, L): nothing is copied.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affectssm.ssm import triton_backward, triton_forward, triton_segments
from affectssm.ssm.arguments import ScanOverflowError
from affectssm.ssm.triton_plan import Plan, cuts, plan, power_of_two
from affectssm.ssm.triton_tiles import Parameter, Shape, Signal

PROCESSORS = 132  # assumed where the interpreter runs the kernels
ONE_WARP = {"num_warps": 1, "num_stages": 1}


class Scan(torch.autograd.Function):
    """The scan of signals (B, G, M, W, L), (B, G, M, N, L) and parameters (G, M, W, N), (G, M, W), (M, M)."""

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
        softplus: bool,
        reverse: tuple[bool, ...],
        weight: float,
        checked: bool,
        recorded: bool,
    ) -> tuple[Tensor, Tensor]:
        """y (B, G, M, W, L) and the last states (B, G, M, W, N).

        Args:
            softplus: whether the step sizes pass through it.
            reverse: a group each.
            weight: of the summed states where they are not mixed.
            checked: whether to look for the first step that overflows.
            recorded: whether gradients may be asked for; inside here torch says they are not.

        Raises:
            ScanOverflowError: if there is one.
        """
        ctx.set_materialize_grads(False)
        batch, groups, modalities, channels, length = u.shape
        states = A.shape[-1]
        cut = plan(
            batch * groups, modalities, channels, states, length, processors(u), mix is not None, checked
        )
        spans = cuts(length, cut.span)
        y = dense_like(u)
        settings = (cut, states, modalities, channels, mix is not None, softplus)
        shape = _shape(*settings, _aligned(states, u, delta, B, C, z, y))
        last = u.new_empty(batch, groups, modalities, states, channels, dtype=torch.float32)
        marks = None
        if cut.parallel or (recorded and any(ctx.needs_input_grad)):
            marks = last.new_empty(
                batch, groups, spans, modalities if mix is not None else 1, states, channels
            )
        blocks = cuts(channels, cut.channels)
        bad = last.new_empty(batch * groups * blocks, dtype=torch.int32) if checked else None
        common = {
            "groups": groups,
            "W": channels,
            "L": length,
            "reverse": _bits(reverse),
            "weight": weight,
            "S": shape,
        }
        segments = cuts(spans * cut.span, cut.segment)
        if marks is not None and cut.parallel:
            decays = last.new_empty(batch, groups, segments, states, channels)
            triton_segments.ends[batch * groups, blocks, segments - 1](
                _signal(u), _signal(delta), _parameter(A), _signal(B), _parameter(bias), marks, decays,
                segment=cut.segment, segments=segments, **common, **ONE_WARP,
            )  # fmt: skip
            tile = states * channels
            of_segment = cut.segment // cut.span * tile
            _carry(marks, decays, segments - 1, (spans * tile, of_segment), (1, 1, 0), tile, copies=1)
        triton_forward.outputs[batch * groups, blocks, segments](
            _signal(u), _signal(delta), _parameter(A), _signal(B), _signal(C), _parameter(D), _signal(z),
            _parameter(bias), _dense(mix), _signal(y), last, marks, bad,
            segment=cut.segment, RESUME=cut.parallel, **common, **ONE_WARP,
        )  # fmt: skip
        if bad is not None and (step := int(bad.min())) < length:
            raise ScanOverflowError(step, length)
        ctx.save_for_backward(u, delta, A, B, C, D, z, bias, mix, marks)
        ctx.cut, ctx.common, ctx.settings = cut, common, settings
        return y, last.transpose(-1, -2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients of every tensor."""
        u, delta, A, B, C, _, z = ctx.saved_tensors[:7]
        batch, groups, modalities, channels, length = u.shape
        dy, dlast = grads
        if dy is None:
            dy = u.new_zeros(()).expand(u.shape)
        cut: Plan = ctx.cut
        segment = cut.segment if cut.parallel else cut.launch
        segments = cuts(cuts(length, cut.span) * cut.span, segment)
        sizes = (batch, groups, segments + 1, modalities, A.shape[-1], channels)
        returns = A.new_zeros(sizes, dtype=torch.float32)
        if dlast is not None:
            returns[:, :, -1] = dlast.transpose(-1, -2)
        written = [dense_like(u), dense_like(delta), None if z is None else dense_like(z)]
        aligned = _aligned(A.shape[-1], u, delta, B, C, z, dy, *written)
        ctx.common = ctx.common | {"S": _shape(*ctx.settings, aligned)}
        if cut.parallel:
            _returns(ctx, dy, returns, segment, segments)
        found = _gradients(ctx, dy, written, returns, segment, segments)
        return (*found, None, None, None, None, None)


def _returns(ctx: Any, dy: Tensor, returns: Tensor, segment: int, segments: int) -> None:
    """Fill in what comes back to the states after every segment."""
    _, delta, A, _, C, _, z, bias, _, _ = ctx.saved_tensors
    batch, groups, _, modalities, states, channels = returns.shape
    decays = returns.new_empty(batch, groups, segments, states, channels)
    triton_segments.ends_backward[batch * groups, cuts(channels, ctx.cut.channels), segments - 1](
        _signal(delta), _parameter(A), _signal(C), _signal(z), _parameter(bias), _signal(dy), returns, decays,
        segment=segment, segments=segments, **ctx.common, **ONE_WARP,
    )  # fmt: skip
    tile = states * channels
    apart = ((segments + 1) * modalities * tile, modalities * tile)
    _carry(returns, decays, segments - 1, apart, (segments - 1, -1, segments - 1), tile, copies=modalities)


def _carry(
    ends: Tensor,
    decays: Tensor,
    count: int,
    apart: tuple[int, int],
    numbers: tuple[int, int, int],
    size: int,
    copies: int,
) -> None:
    """Run the recurrence over segments; see the kernel."""
    sequences = decays.shape[0] * decays.shape[1]
    triton_segments.carry[sequences, cuts(size, 32)](
        ends, decays, count, *apart, decays.shape[2] * size, *numbers, size,
        COPIES=copies, WIDTH=32, AHEAD=32, **ONE_WARP,
    )  # fmt: skip


def _gradients(
    ctx: Any, dy: Tensor, written: list[Tensor | None], returns: Tensor, segment: int, segments: int
) -> list[Tensor | None]:
    """The gradients, launch by launch from the last steps to the first; those of u, delta and z go to ``written``."""
    u, delta, A, B, C, D, z, bias, mix, marks = ctx.saved_tensors
    cut: Plan = ctx.cut
    batch, groups, modalities, channels, length = u.shape
    states, blocks = A.shape[-1], cuts(channels, cut.channels)
    du, ddelta, dz = written
    dB, dC = dense_like(B), dense_like(C)
    dA = returns.new_empty(batch, groups, segments, modalities, states, channels)
    dD, dbias = (None if t is None else returns.new_empty(*dA.shape[:4], channels) for t in (D, bias))
    dmix = None if mix is None else returns.new_empty(batch, groups, segments, blocks, modalities, modalities)
    steps = cuts(length, cut.span) * cut.span
    side_by_side = cut.launch // segment
    shares = returns.new_empty(2 * blocks * batch * groups * modalities * min(steps, cut.launch) * states)
    for offset in range((segments - 1) // side_by_side * side_by_side, -1, -side_by_side):
        count = min(side_by_side, segments - offset)
        triton_backward.gradients[batch * groups, blocks, count](
            _signal(u), _signal(delta), _parameter(A), _signal(B), _signal(C), _parameter(D), _signal(z),
            _parameter(bias), _dense(mix), _signal(dy), marks, returns,
            _signal(du), _signal(ddelta), _signal(dz), dA, dD, dbias, dmix, shares,
            segment=segment, segments=segments, offset=offset, CHAIN=not cut.parallel, **ctx.common, **ONE_WARP,
        )  # fmt: skip
        _add_shares(ctx, shares, dB, dC, offset * segment, min(steps, (offset + count) * segment), blocks)
    sum_A = dA.sum((0, 2)).transpose(-1, -2).to(A.dtype)
    sum_D, sum_bias = (
        None if t is None else t.sum((0, 2)).to(of.dtype) for t, of in ((dD, D), (dbias, bias))
    )
    sum_mix = None if dmix is None else dmix.sum((0, 1, 2, 3)).to(mix.dtype)
    return [du, ddelta, sum_A, dB, dC, sum_D, dz, sum_bias, sum_mix]


def _add_shares(ctx: Any, shares: Tensor, dB: Tensor, dC: Tensor, first: int, stop: int, blocks: int) -> None:
    """Add up the blocks' parts of dB and dC at these steps."""
    batch, groups, modalities, states, length = dB.shape
    rows = 16
    triton_backward.add_shares[batch * groups * modalities, cuts(stop - first, rows)](
        shares, _signal(dB), _signal(dC), groups, modalities, states, length, first, stop - first,
        cuts(length, ctx.cut.span) * ctx.cut.span - length, blocks, ctx.common["reverse"],
        ROWS=rows, NP=power_of_two(states), **ONE_WARP,
    )  # fmt: skip


@functools.lru_cache
def _shape(
    cut: Plan, states: int, modalities: int, channels: int, mix: bool, softplus: bool, aligned: bool
) -> Shape:
    return Shape(
        N=states,
        M=modalities,
        J=modalities if mix else 1,
        MIX=mix,
        SOFTPLUS=softplus,
        EVEN=channels % cut.channels == 0,
        ALIGNED=aligned,
        AHEAD=cut.ahead,
        SPAN=cut.span,
        SUB=cut.sub,
        DV=cut.DV,
        NV=cut.NV,
        NL=cut.NL,
        DL=cut.DL,
    )


def _aligned(states: int, *signals: Tensor | None) -> bool:
    """Whether all that separates batch elements, groups, modalities and steps are multiples of four numbers."""
    return states % 4 == 0 and not any(
        stride % 4
        for signal in signals
        if signal is not None
        for axis, (size, stride) in enumerate(zip(signal.shape, signal.stride(), strict=True))
        if axis != 3 and size > 1
    )


def _signal(tensor: Tensor | None) -> Signal | None:
    return None if tensor is None else Signal(tensor, *tensor.stride())


def _parameter(tensor: Tensor | None) -> Parameter | None:
    if tensor is None:
        return None
    return Parameter(tensor, *tensor.stride(), *([0] * (4 - tensor.dim())))


def _dense(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _bits(reverse: tuple[bool, ...]) -> int:
    """A bit a group; all of them where all are alike, for there may be more groups than bits."""
    if len(set(reverse)) == 1:
        return -int(reverse[0])
    return sum(1 << g for g, turned in enumerate(reverse) if turned)


def dense_like(tensor: Tensor) -> Tensor:
    """Uninitialised memory with the axes in the order that the tensor's memory has."""
    return torch.empty_like(tensor, memory_format=torch.preserve_format)


def processors(tensor: Tensor) -> int:
    """The multiprocessors of the tensor's GPU."""
    if tensor.device.type != "cuda":
        return PROCESSORS
    return torch.cuda.get_device_properties(tensor.device).multi_processor_count
