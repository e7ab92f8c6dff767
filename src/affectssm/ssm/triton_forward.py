# ruff: noqa: RUF005, SIM102
# mypy: disable-error-code="assignment, misc"
"""Triton kernel of the forward pass; letters, signals and tiles as in :mod:`affectssm.ssm.triton_tiles`."""

from __future__ import annotations

import triton
import triton.language as tl

from affectssm.ssm.triton_steps import (
    entering,
    entries,
    fixed,
    gathered,
    input_of,
    over_states,
    step_size,
)
from affectssm.ssm.triton_tiles import owner, part, put, put_tile, row, tile


@triton.jit(do_not_specialize=["L", "segment", "reverse"])
def outputs(
    u, delta, A, B, C, D, z, bias, mix, y, last, marks, bad, groups, W, L, segment, reverse, weight,
    S: tl.constexpr, RESUME: tl.constexpr,
):  # fmt: skip
    """The outputs y of one segment of steps, and the last states (B, G, M, N, W).

    marks (B, G, spans, J, N, W): what is known of the states before every SPAN-th step is kept there (``gathered``,
    J tiles), unless it is None; with RESUME the segment starts from it, else from zero. bad (programs,): the first
    step at which a state is not finite, unless None.
    """
    own = owner(groups, W, L, reverse, S)
    const = fixed(A, D, bias, mix, weight, own, S)
    spans = tl.cdiv(L, S.SPAN)
    start = tl.program_id(2) * segment
    stop = tl.minimum(start + segment, spans * S.SPAN)
    ins = (
        part(u, own, own.w, L, S),
        part(delta, own, own.w, L, S),
        part(B, own, own.n, L, S),
        part(C, own, own.n, L, S),
    )
    if z is not None:
        ins = ins + (part(z, own, own.w, L, S),)
    out = part(y, own, own.w, L, S)
    one = own.b * groups + own.g
    hs = ()
    for m in tl.static_range(S.M):
        if RESUME and m < S.J:
            at = marks + ((one * spans + start // S.SPAN) * S.J + m) * S.N * W
            hs = hs + (tl.where(start > 0, tile(at, W, 1, own, S), 0.0),)
        else:
            hs = hs + (tl.zeros((S.DV, S.NV, S.NL * S.DL), tl.float32),)
    wrong = tl.full((S.DV, S.NV, S.NL * S.DL), 2147483647, tl.int32)
    for first in range(start, stop, S.AHEAD):
        if marks is not None:
            if first % S.SPAN == 0:
                _keep(marks, (one * spans + first // S.SPAN) * S.J, hs, own, W, S)
        hs, wrong = _steps(hs, wrong, ins, out, const, own, first, bad, S)
    if stop == spans * S.SPAN:
        for m in tl.static_range(S.M):
            put_tile(last + (one * S.M + m) * S.N * W, W, 1, hs[m], own, S)
    if bad is not None:
        least = tl.min(tl.min(tl.min(wrong, 0), 0), 0)
        tl.store(bad + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), least)


@triton.jit
def _keep(marks, number, hs, own, W, S: tl.constexpr):
    known = gathered(hs, S)
    for j in tl.static_range(S.J):
        put_tile(marks + (number + j) * S.N * W, W, 1, known[j], own, S)


@triton.jit
def _steps(hs, wrong, ins, out, const, own, first, bad, S: tl.constexpr):
    """AHEAD steps from ``first``: the states after them, y on the way."""
    rows = entries(ins[0], ins[1], ins[2], own, first, S.AHEAD, S)
    reads = ()
    for i in tl.static_range(S.AHEAD):
        for m in tl.static_range(S.M):
            read = (row(ins[3], m, first + i, own.known, own, S),)
            if len(ins) > 4:
                read = read + (row(ins[4], m, first + i, own.inside, own, S),)
            reads = reads + (read,)
    for i in tl.static_range(S.AHEAD):
        known = gathered(hs, S)
        hs = ()
        for m in tl.static_range(S.M):
            x, raw, into = rows[i][m]
            x, dt = input_of(x, first + i, own), step_size(raw, const, m, S)
            h = tl.exp2(dt[:, None, :] * const.rates[m]) * entering(known, const, m, S)
            h += (dt * x)[:, None, :] * into[None, :, :]
            hs = hs + (h,)
            if bad is not None:
                wrong = tl.where(
                    tl.abs(h) <= 3.4028234663852886e38, wrong, tl.minimum(wrong, first + i - own.pad)
                )
            value = over_states(h * reads[i * S.M + m][0][None, :, :], S)
            if len(const.skips) > 0:
                value += x * const.skips[m]
            if len(ins) > 4:
                value *= reads[i * S.M + m][1] * tl.sigmoid(reads[i * S.M + m][1])
            put(out, m, first + i, value, own.writes_w, own, S)
    return hs, wrong
