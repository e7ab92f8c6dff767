# ruff: noqa: RUF005, B007
# mypy: disable-error-code="assignment, misc"
"""Triton kernels that cut time into segments which run side by side, for few channels and many steps.

A segment's effect on what it starts from is affine: end = decays * start + the end it reaches from zero. So every
segment first runs from zero (``ends``, and ``ends_backward`` for what comes back to the states), then ``carry`` takes
the states from segment to segment, and only then do the kernels that write outputs and gradients run, all segments at
once. Not for mixes, whose decays are matrices. Letters, signals and tiles as in :mod:`affectssm.ssm.triton_tiles`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from affectssm.ssm.triton_steps import (
    entries,
    fixed,
    input_of,
    step_size,
)
from affectssm.ssm.triton_tiles import owner, part, put_tile, row, tile


@triton.jit(do_not_specialize=["L", "segment", "segments", "reverse"])
def ends(
    u, delta, A, B, bias, marks, decays, groups, W, L, segment, segments, reverse, weight, S: tl.constexpr
):  # fmt: skip
    """The summed states after every segment but the last, started from zero: into marks (B, G, spans, N, W), where the
    next segment begins; and what a segment multiplies the states before it by: decays (B, G, segments, N, W)."""
    own = owner(groups, W, L, reverse, S)
    const = fixed(A, None, bias, None, weight, own, S)
    number = tl.program_id(2)
    ins = (part(u, own, own.w, L, S), part(delta, own, own.w, L, S), part(B, own, own.n, L, S))
    one, size = own.b * groups + own.g, tl.cast(W, tl.int64) * S.N
    state = tl.zeros((S.DV, S.NV, S.NL * S.DL), tl.float32)
    decays_so_far = state + 1.0
    for first in range(number * segment, (number + 1) * segment, S.AHEAD):
        rows = entries(ins[0], ins[1], ins[2], own, first, S.AHEAD, S)
        for i in tl.static_range(S.AHEAD):
            decay, gain = state * 0.0, state * 0.0
            for m in tl.static_range(S.M):
                x, raw, into = rows[i][m]
                x, dt = input_of(x, first + i, own), step_size(raw, const, m, S)
                decay += tl.exp2(dt[:, None, :] * const.rates[m])
                gain += (dt * x)[:, None, :] * into[None, :, :]
            if S.M > 1:
                decay *= weight
            state = decay * state + gain
            decays_so_far *= decay
    at = one * tl.cdiv(L, S.SPAN) + (number + 1) * (segment // S.SPAN)
    put_tile(marks + at * size, W, 1, state, own, S)
    put_tile(decays + (one * segments + number) * size, W, 1, decays_so_far, own, S)


@triton.jit(do_not_specialize=["L", "segment", "segments", "reverse"])
def ends_backward(
    delta, A, C, z, bias, dy, returns, decays, groups, W, L, segment, segments, reverse, weight, S: tl.constexpr
):  # fmt: skip
    """What every segment but the first gives back to the states before it, as if nothing came back from later ones:
    into returns (B, G, segments + 1, M, N, W), the first modality's part; and the segments' decays.

    Into the last segment comes what ``returns`` holds after it.
    """
    own = owner(groups, W, L, reverse, S)
    const = fixed(A, None, bias, None, weight, own, S)
    number = tl.program_id(2) + 1
    start, stop = number * segment, tl.minimum((number + 1) * segment, tl.cdiv(L, S.SPAN) * S.SPAN)
    ins = (part(delta, own, own.w, L, S), part(C, own, own.n, L, S), part(dy, own, own.w, L, S))
    if z is not None:
        ins = ins + (part(z, own, own.w, L, S),)
    one, size = own.b * groups + own.g, tl.cast(W, tl.int64) * S.N
    F = ()
    for m in tl.static_range(S.M):
        after = tile(returns + ((one * (segments + 1) + segments) * S.M + m) * size, W, 1, own, S)
        F = F + (tl.where(number == segments - 1, after, 0.0),)
    decays_so_far = tl.zeros((S.DV, S.NV, S.NL * S.DL), tl.float32) + 1.0
    for back in range((stop - start) // S.AHEAD):
        F, decays_so_far = _ends_backward(F, decays_so_far, ins, const, own, stop - (back + 1) * S.AHEAD, S)
    at = (one * (segments + 1) + number) * S.M
    put_tile(returns + at * size, W, 1, F[0], own, S)
    put_tile(decays + (one * segments + number) * size, W, 1, decays_so_far, own, S)


@triton.jit
def _ends_backward(F, decays, ins, const, own, first, S: tl.constexpr):
    """AHEAD steps backwards, down to ``first``."""
    rows = ()
    for i in tl.static_range(S.AHEAD):
        step = ()
        for m in tl.static_range(S.M):
            dout = row(ins[2], m, first + i, own.inside, own, S)
            if len(ins) > 3:
                gate = row(ins[3], m, first + i, own.inside, own, S)
                dout *= gate * tl.sigmoid(gate)
            raw, out = (
                row(ins[0], m, first + i, own.inside, own, S),
                row(ins[1], m, first + i, own.known, own, S),
            )
            step = step + ((raw, out, dout),)
        rows = rows + (step,)
    for i in tl.static_range(S.AHEAD - 1, -1, -1):
        total, decay = decays * 0.0, decays * 0.0
        for m in tl.static_range(S.M):
            raw, out, dout = rows[i][m]
            dt = step_size(raw, const, m, S)
            one = tl.exp2(dt[:, None, :] * const.rates[m])
            decay += one
            total += one * (F[m] + dout[:, None, :] * out[None, :, :])
        if S.M > 1:
            decay *= const.weight
            total *= const.weight
        decays *= decay
        F = ()
        for m in tl.static_range(S.M):
            F = F + (total,)
    return F, decays


@triton.jit(
    do_not_specialize=["count", "of_sequence", "of_segment", "of_decays", "first", "step", "first_decay"]
)
def carry(
    ends, decays, count, of_sequence, of_segment, of_decays, first, step, first_decay, size,
    COPIES: tl.constexpr, WIDTH: tl.constexpr, AHEAD: tl.constexpr,
):  # fmt: skip
    """From segment to segment: total = decay * total + end, which replaces the end, ``count`` times.

    Ends lie ``of_segment`` numbers apart, decays ``size``, sequences ``of_sequence`` and ``of_decays``; the k-th end is
    number first + k * step, its decay number first_decay + k * step. COPIES of a total are written, ``size`` apart.
    """
    one = tl.program_id(0).to(tl.int64)
    index = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    mask = index < size
    at_end = ends + one * of_sequence + index
    at_decay = decays + one * of_decays + index
    total = tl.zeros((WIDTH,), tl.float32)
    for begin in range(0, count, AHEAD):
        rows = ()
        for i in tl.static_range(AHEAD):
            k = tl.cast(begin + i, tl.int64) * step
            there = mask & (begin + i < count)
            decay = tl.load(at_decay + (first_decay + k) * size, mask=there & (begin + i > 0), other=0.0)
            rows = rows + ((decay, tl.load(at_end + (first + k) * of_segment, mask=there, other=0.0)),)
        for i in tl.static_range(AHEAD):
            k = tl.cast(begin + i, tl.int64) * step
            total = rows[i][0] * total + rows[i][1]
            for c in tl.static_range(COPIES):
                tl.store(at_end + (first + k) * of_segment + c * size, total, mask=mask & (begin + i < count))
