# ruff: noqa: RUF005, B007
# mypy: disable-error-code="assignment, misc"
"""Triton kernels of the backward pass; letters, signals and tiles as in :mod:`affectssm.ssm.triton_tiles`.

F^m is what comes back to h^m from later steps through the recurrence. With the readout's part added,

    g^m = F^m + C^m dy^m        F^m one step earlier = the coupling, transposed, of exp(dt A) g of all modalities

States are computed again, SUB steps at a time, from those that the forward pass kept every SPAN steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

from affectssm.ssm.triton_steps import (
    entering,
    entries,
    fixed,
    gathered,
    input_of,
    over_channels,
    over_states,
    step_size,
)
from affectssm.ssm.triton_tiles import Part, owner, part, put, put_tile, row, tile


class Sums(NamedTuple):
    """What the steps give to the gradients of the parameters, one modality a place: A (tiles), D and delta_bias (rows),
    and the mix (M * M rows, each lane's part of a number)."""

    A: Any
    D: Any
    bias: Any
    mix: Any


class Reads(NamedTuple):
    """Parts of signals that are read; z is a tuple of one, or empty."""

    u: Any
    delta: Any
    B: Any
    C: Any
    dy: Any
    z: Any


class Writes(NamedTuple):
    """Parts of gradients that are written; dz is a tuple of one, or empty."""

    du: Any
    ddelta: Any
    dB: Any
    dC: Any
    dz: Any


@triton.jit(do_not_specialize=["L", "segment", "segments", "offset", "reverse"])
def gradients(
    u, delta, A, B, C, D, z, bias, mix, dy, marks, returns,
    du, ddelta, dz, dA, dD, dbias, dmix, shares, groups, W, L, segment, segments, offset, reverse, weight,
    S: tl.constexpr, CHAIN: tl.constexpr,
):  # fmt: skip
    """The gradients of segment ``offset + program_id(2)``.

    returns (B, G, segments + 1, M, N, W): F after every segment; with CHAIN the program leaves there F before its own.
    dA (B, G, segments, M, N, W), dD and dbias (B, G, segments, M, W) and dmix (B, G, segments, blocks, M, M) are to be
    added up. shares: see ``_share``.
    """
    own = owner(groups, W, L, reverse, S)
    const = fixed(A, D, bias, mix, weight, own, S)
    number = offset + tl.program_id(2)
    start, stop = number * segment, tl.minimum((number + 1) * segment, tl.cdiv(L, S.SPAN) * S.SPAN)
    gate, dgate = (), ()
    if z is not None:
        gate, dgate = (part(z, own, own.w, L, S),), (part(dz, own, own.w, L, S),)
    reads = Reads(
        part(u, own, own.w, L, S), part(delta, own, own.w, L, S), part(B, own, own.n, L, S), part(C, own, own.n, L, S),
        part(dy, own, own.w, L, S), gate,
    )  # fmt: skip
    dB, dC = _share(shares, own, groups, L, segment, offset, S)
    writes = Writes(part(du, own, own.w, L, S), part(ddelta, own, own.w, L, S), dB, dC, dgate)
    one = own.b * groups + own.g
    size = tl.cast(W, tl.int64) * S.N
    own_marks = marks + one * tl.cdiv(L, S.SPAN) * S.J * size
    F, sums = (), _nothing(D, bias, mix, S)
    for m in tl.static_range(S.M):
        F = F + (tile(returns + ((one * (segments + 1) + number + 1) * S.M + m) * size, W, 1, own, S),)
    for back in range((stop - start) // S.SUB):
        F, sums = _steps(F, sums, own_marks, reads, writes, const, own, W, stop - (back + 1) * S.SUB, S)
    if CHAIN:
        for m in tl.static_range(S.M):
            put_tile(returns + ((one * (segments + 1) + number) * S.M + m) * size, W, 1, F[m], own, S)
    _store(sums, dA, dD, dbias, dmix, one * segments + number, own, W, S)


@triton.jit
def _store(sums, dA, dD, dbias, dmix, number, own, W, S: tl.constexpr):
    """Write a segment's sums."""
    size = tl.cast(W, tl.int64) * S.N
    for m in tl.static_range(S.M):
        at = (number * S.M + m) * W + own.w
        put_tile(dA + (number * S.M + m) * size, W, 1, sums.A[m], own, S)
        if dD is not None:
            tl.store(dD + at, sums.D[m], mask=own.writes_w)
        if dbias is not None:
            tl.store(dbias + at, sums.bias[m], mask=own.writes_w)
    if dmix is not None:
        at_mix = (number * tl.num_programs(1) + tl.program_id(1)) * (S.M * S.M)
        for k in tl.static_range(S.M * S.M):
            tl.store(dmix + at_mix + k, tl.sum(sums.mix[k], axis=0))


@triton.jit
def _nothing(D, bias, mix, S: tl.constexpr):
    """Sums of nothing."""
    A, skips, offsets, weights = (), (), (), ()
    for m in tl.static_range(S.M):
        A = A + (tl.zeros((S.DV, S.NV, S.NL * S.DL), tl.float32),)
        if D is not None:
            skips = skips + (tl.zeros((S.DV, S.NL * S.DL), tl.float32),)
        if bias is not None:
            offsets = offsets + (tl.zeros((S.DV, S.NL * S.DL), tl.float32),)
    if mix is not None:
        for k in tl.static_range(S.M * S.M):
            weights = weights + (tl.zeros((S.NL * S.DL,), tl.float32),)
    return Sums(A, skips, offsets, weights)


@triton.jit
def _share(shares, own, groups, L, segment, offset, S: tl.constexpr):
    """Where this block of channels' part of dB and of dC goes: shares (2, blocks, B, G, M, steps of the launch, N)."""
    first = tl.cast(offset, tl.int64) * segment
    end = tl.cdiv(L, S.SPAN) * S.SPAN
    steps = tl.minimum(first + tl.cast(segment, tl.int64) * tl.num_programs(2), end) - first
    count = tl.num_programs(0) * steps * S.M
    at = tl.program_id(1) * count + (own.b * groups + own.g) * S.M * steps - first
    dB = shares + at * S.N + own.n
    return Part(dB, steps * S.N, S.N), Part(dB + count * tl.num_programs(1) * S.N, steps * S.N, S.N)


@triton.jit
def _steps(F, sums, marks, reads, writes, const, own, W, first, S: tl.constexpr):
    """SUB steps backwards, down to ``first``."""
    size = tl.cast(W, tl.int64) * S.N
    known = ()
    for j in tl.static_range(S.J):
        known = known + (tile(marks + (first // S.SPAN * S.J + j) * size, W, 1, own, S),)
    for before in range(first // S.SPAN * S.SPAN, first, S.SUB):
        rows = entries(reads.u, reads.delta, reads.B, own, before, S.SUB, S)
        for i in tl.static_range(S.SUB):
            known = _ahead(known, rows[i], const, own, before + i, S)
    rows = entries(reads.u, reads.delta, reads.B, own, first, S.SUB, S)
    outs = ()
    for i in tl.static_range(S.SUB):
        step = ()
        for m in tl.static_range(S.M):
            read = (
                row(reads.C, m, first + i, own.known, own, S),
                row(reads.dy, m, first + i, own.inside, own, S),
            )
            if len(reads.z) > 0:
                read = read + (row(reads.z[0], m, first + i, own.inside, own, S),)
            step = step + (read,)
        outs = outs + (step,)
    states = (known,)
    for i in tl.static_range(S.SUB - 1):
        states = states + (_ahead(states[i], rows[i], const, own, first + i, S),)
    for i in tl.static_range(S.SUB - 1, -1, -1):
        # loaded again, from the first-level cache: registers are short
        again = entries(reads.u, reads.delta, reads.B, own, first + i, 1, S)
        F, sums = _back(F, sums, states[i], again[0], outs[i], writes, const, own, first + i, S)
    return F, sums


@triton.jit
def _ahead(known, step, const, own, t, S: tl.constexpr):
    """What is known one step later."""
    hs = ()
    for m in tl.static_range(S.M):
        x, raw, into = step[m]
        x, dt = input_of(x, t, own), step_size(raw, const, m, S)
        h = tl.exp2(dt[:, None, :] * const.rates[m]) * entering(known, const, m, S)
        hs = hs + (h + (dt * x)[:, None, :] * into[None, :, :],)
    return gathered(hs, S)


@triton.jit
def _back(F, sums, known, step, outs, writes, const, own, t, S: tl.constexpr):
    """One step backwards: what it gives to every gradient, and F before it."""
    back, dA, dD, dbias = (), (), (), ()
    for m in tl.static_range(S.M):
        x, raw, into = step[m]
        out, dout = outs[m][0], outs[m][1]
        x, dt = input_of(x, t, own), step_size(raw, const, m, S)
        decay = tl.exp2(dt[:, None, :] * const.rates[m])
        stays = decay * entering(known, const, m, S)
        h = stays + (dt * x)[:, None, :] * into[None, :, :]
        if len(outs[m]) > 2:
            dout = _gate(h, out, dout, outs[m][2], x, writes, const, own, m, t, S)
        g = F[m] + dout[:, None, :] * out[None, :, :]
        put(writes.dC, m, t, over_channels(h * dout[:, None, :], S), own.writes_n, own, S)
        put(writes.dB, m, t, over_channels(g * (dt * x)[:, None, :], S), own.writes_n, own, S)
        slope = g * stays  # times A it is the decay's part of ddelta, times dt it is that of dA
        entered = over_states(g * into[None, :, :], S)
        dx = dt * entered
        ddt = x * entered + 0.6931471805599453 * over_states(slope * const.rates[m], S)
        dA = dA + (sums.A[m] + slope * dt[:, None, :],)
        if len(const.skips) > 0:
            dx += dout * const.skips[m]
            dD = dD + (sums.D[m] + dout * x,)
        if len(const.offsets) > 0:
            raw += const.offsets[m]
        if S.SOFTPLUS:
            ddt *= tl.sigmoid(raw)
        if len(const.offsets) > 0:
            dbias = dbias + (sums.bias[m] + ddt,)
        put(writes.du, m, t, dx, own.writes_w, own, S)
        put(writes.ddelta, m, t, ddt, own.writes_w, own, S)
        back = back + (decay * g,)
    return _transposed(back, const, S), Sums(dA, dD, dbias, _mixed(sums.mix, back, known, S))


@triton.jit
def _gate(h, out, dout, gate, x, writes, const, own, m: tl.constexpr, t, S: tl.constexpr):
    """Writes the gate's gradient; what of dout passes through the gate."""
    y = over_states(h * out[None, :, :], S)
    if len(const.skips) > 0:
        y += x * const.skips[m]
    open_ = tl.sigmoid(gate)
    put(writes.dz[0], m, t, dout * y * open_ * (1.0 + gate * (1.0 - open_)), own.writes_w, own, S)
    return dout * gate * open_


@triton.jit
def _transposed(back, const, S: tl.constexpr):
    """What the coupling gives back to every modality's previous states."""
    F = ()
    if S.MIX:
        for j in tl.static_range(S.M):
            total = back[0] * const.mix[j]
            for m in tl.static_range(1, S.M):
                total += back[m] * const.mix[m * S.M + j]
            F = F + (total,)
    else:
        total = back[0]
        for m in tl.static_range(1, S.M):
            total += back[m]
        if S.M > 1:
            total *= const.weight
        for m in tl.static_range(S.M):
            F = F + (total,)
    return F


@triton.jit
def _mixed(mix, back, known, S: tl.constexpr):
    """The gradient of the mix so far."""
    new = ()
    if len(mix) > 0:
        for m in tl.static_range(S.M):
            for j in tl.static_range(S.M):
                new = new + (mix[m * S.M + j] + tl.sum(tl.sum(back[m] * known[j], axis=0), axis=0),)
    return new


@triton.jit(do_not_specialize=["L", "first", "steps", "pad", "blocks", "reverse"])
def add_shares(
    shares, dB, dC, groups, M, N, L, first, steps, pad, blocks, reverse, ROWS: tl.constexpr, NP: tl.constexpr
):  # fmt: skip
    """Add up what the blocks of channels have of dB and dC (signals) at ``steps`` steps from step ``first`` on."""
    own, m = tl.program_id(0) // M, tl.program_id(0) % M
    b, g = (own // groups).to(tl.int64), own % groups
    i = tl.program_id(1) * ROWS + tl.arange(0, ROWS)[:, None]
    n = tl.arange(0, NP)[None, :]
    t = first + i - pad
    mask = (i < steps) & (t >= 0) & (n < N)
    count = tl.cast(tl.num_programs(0), tl.int64) * steps * N
    at = shares + tl.cast(tl.program_id(0), tl.int64) * steps * N + i * N + n
    into, out = tl.zeros((ROWS, NP), tl.float32), tl.zeros((ROWS, NP), tl.float32)
    for k in range(blocks):
        into += tl.load(at + k * count, mask=mask, other=0.0)
        out += tl.load(at + (blocks + k) * count, mask=mask, other=0.0)
    t = tl.where(((reverse >> tl.minimum(g, 30)) & 1) != 0, L - 1 - t, t)
    at_B = (
        dB.data
        + b * dB.b
        + tl.cast(g, tl.int64) * dB.g
        + tl.cast(m, tl.int64) * dB.m
        + n * dB.index
        + t * dB.t
    )
    at_C = (
        dC.data
        + b * dC.b
        + tl.cast(g, tl.int64) * dC.g
        + tl.cast(m, tl.int64) * dC.m
        + n * dC.index
        + t * dC.t
    )
    tl.store(at_B, into.to(at_B.dtype.element_ty), mask=mask)
    tl.store(at_C, out.to(at_C.dtype.element_ty), mask=mask)
