"""Numba kernels of the coupled scan with one pooled state (couplings mean and sum); words as in numba_tiles.

M modalities come first: u, delta, z, y (M, B, L, D), A (M, D, N), B and C (M, B, L, N). What enters every modality's
transition in place of its own previous state is p = ``scale`` times the sum of all states. One pass carries p in
registers and gives every modality's output; p is also all that is kept, at the beginning of every chunk. Tiles of
several modalities are flat: modality m's begins at m times its length.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from affectssm.ssm.numba_tiles import (
    FOUR,
    LOG2_E,
    ONE,
    ZERO,
    add_to,
    clear,
    copy,
    gains_of,
    gate_slopes,
    input_slopes,
    open_gate,
    read_projection,
    read_row,
    read_states,
    read_tile,
    step_sizes,
    step_slopes,
    sum_lanes,
    write_states,
    write_tile,
)
from affectssm.ssm.numba_vectors import LANES, exp2, fma, load, splat, spread, store, total

_FLAT, _ROWS = types.float32[::1], types.float32[:, :]
_THREE, _FOUR, _FIVE = types.float32[:, :, :], types.float32[:, :, :, :], types.float32[:, :, :, :, :]
_SUMS = types.float32[:, :, :, ::1]
_FLAGS, _INT = types.boolean[::1], types.intp
_INPUTS = (
    _FOUR, _FOUR, _THREE, _FOUR, _FOUR, _ROWS, _ROWS, _FOUR, _FLAGS, types.float32, _INT, _INT,
)  # fmt: skip
_compiled = {"nogil": True, "cache": True}


@njit(**_compiled)
def _chunk(sizes, gains, rates, into, out, scale, steps, ends, guard, p, h, y):
    """Add the states' outputs to y (M, steps, 16); p (N, 16) goes on; h (M, N, 16) where the scan ``ends`` here.

    rates (M, N, 16) are in powers of two; sizes, gains and y may hold more steps. Returns the first step after which
    a guarded state is not finite, or ``steps``.
    """
    row = len(p)
    modalities, tile, fours, factor, good = (
        len(h) // row,
        len(y) // (len(h) // row),
        row // LANES,
        splat(scale),
        steps,
    )
    for n in range(0, fours, FOUR):
        at = n * LANES
        p0, p1, p2, p3 = load(p, at), load(p, at + 16), load(p, at + 32), load(p, at + 48)
        for i in range(steps):
            s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                size, gain, summed = load(sizes, here), load(gains, here), load(y, here)
                h0 = fma(exp2(size * load(rates, r)), p0, gain * spread(into, k))
                h1 = fma(exp2(size * load(rates, r + 16)), p1, gain * spread(into, k + 1))
                h2 = fma(exp2(size * load(rates, r + 32)), p2, gain * spread(into, k + 2))
                h3 = fma(exp2(size * load(rates, r + 48)), p3, gain * spread(into, k + 3))
                s0, s1, s2, s3 = s0 + h0, s1 + h1, s2 + h2, s3 + h3
                summed = fma(h1, spread(out, k + 1), fma(h0, spread(out, k), summed))
                store(y, here, fma(h3, spread(out, k + 3), fma(h2, spread(out, k + 2), summed)))
                if guard or (ends and i == steps - 1):
                    store(h, r, h0)
                    store(h, r + 16, h1)
                    store(h, r + 32, h2)
                    store(h, r + 48, h3)
            p0, p1, p2, p3 = factor * s0, factor * s1, factor * s2, factor * s3
            if guard and not _finite(h, row, at):
                good = min(good, i)
                break
        store(p, at, p0)
        store(p, at + 16, p1)
        store(p, at + 32, p2)
        store(p, at + 48, p3)
    return good


@njit(**_compiled)
def _finite(h, row, at):
    """Whether four states of all modalities are."""
    still = splat(ZERO)
    for m in range(at, len(h), row):
        for n in range(m, m + FOUR * LANES, LANES):
            still = fma(load(h, n), splat(ZERO), still)  # infinity and nan times zero are nan
    return total(still) == ZERO


@njit(**_compiled)
def _chunk_again(sizes, gains, rates, into, out, scale, steps, p, ps, decays, y):
    """All p (fours, steps, 4, 16) and decays (fours, steps, M, 4, 16) of a chunk from its first p; adds to y."""
    row = len(p)
    modalities = len(rates) // row
    tile, fours, factor = len(y) // modalities, row // LANES, splat(scale)
    for n in range(0, fours, FOUR):
        at = n * LANES
        p0, p1, p2, p3 = load(p, at), load(p, at + 16), load(p, at + 32), load(p, at + 48)
        for i in range(steps):
            j = (n * steps + i * FOUR) * LANES
            store(ps, j, p0)
            store(ps, j + 16, p1)
            store(ps, j + 32, p2)
            store(ps, j + 48, p3)
            s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                a = ((n * steps + i * FOUR) * modalities + m * FOUR) * LANES
                size, gain, summed = load(sizes, here) * splat(LOG2_E), load(gains, here), load(y, here)
                a0, a1 = exp2(size * load(rates, r)), exp2(size * load(rates, r + 16))
                a2, a3 = exp2(size * load(rates, r + 32)), exp2(size * load(rates, r + 48))
                store(decays, a, a0)
                store(decays, a + 16, a1)
                store(decays, a + 32, a2)
                store(decays, a + 48, a3)
                h0, h1 = fma(a0, p0, gain * spread(into, k)), fma(a1, p1, gain * spread(into, k + 1))
                h2, h3 = fma(a2, p2, gain * spread(into, k + 2)), fma(a3, p3, gain * spread(into, k + 3))
                s0, s1, s2, s3 = s0 + h0, s1 + h1, s2 + h2, s3 + h3
                summed = fma(h1, spread(out, k + 1), fma(h0, spread(out, k), summed))
                store(y, here, fma(h3, spread(out, k + 3), fma(h2, spread(out, k + 2), summed)))
            p0, p1, p2, p3 = factor * s0, factor * s1, factor * s2, factor * s3


@njit(**_compiled)
def _back(outer, size, gain, rate, b, c, decay, p, dh, dp, dgain, dsize, drates, r, dinto, dout, j):
    """Back through one state's step of one modality; dh is the gradient that comes from later steps."""
    slope = fma(outer, c, dh)
    store(dout, j, fma(outer, fma(decay, p, gain * b), load(dout, j)))
    store(dinto, j, fma(slope, gain, load(dinto, j)))
    dgain = fma(slope, b, dgain)
    slope = slope * decay
    dp = dp + slope
    slope = slope * p
    store(drates, r, fma(slope, size, load(drates, r)))
    return dp, dgain, fma(slope, rate, dsize)


@njit(**_compiled)
def _chunk_back(
    slopes, sizes, gains, rates, into, out, scale, steps, ps, decays, dlast, ends,
    dp, drates, dinto, dout, dgains, dsizes,
):  # fmt: skip
    """Back through a chunk; dp goes on, all other gradients are added to.

    dlast (M, N, 16) is the gradient of the states after the last step, which counts where the scan ``ends`` here.
    """
    row = len(dp)
    modalities = len(rates) // row
    tile, fours, factor = len(sizes) // modalities, row // LANES, splat(scale)
    for n in range(0, fours, FOUR):
        at = n * LANES
        d0, d1, d2, d3 = load(dp, at), load(dp, at + 16), load(dp, at + 32), load(dp, at + 48)
        for i in range(steps - 1, -1, -1):
            j = (n * steps + i * FOUR) * LANES
            p0, p1, p2, p3 = load(ps, j), load(ps, j + 16), load(ps, j + 32), load(ps, j + 48)
            g0, g1, g2, g3 = factor * d0, factor * d1, factor * d2, factor * d3
            d0, d1, d2, d3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                a = ((n * steps + i * FOUR) * modalities + m * FOUR) * LANES
                e0, e1, e2, e3 = g0, g1, g2, g3
                if ends and i == steps - 1:
                    e0, e1, e2, e3 = (
                        load(dlast, r), load(dlast, r + 16), load(dlast, r + 32), load(dlast, r + 48),
                    )  # fmt: skip
                outer, size, gain = load(slopes, here), load(sizes, here), load(gains, here)
                dg, ds = load(dgains, here), load(dsizes, here)
                d0, dg, ds = _back(
                    outer, size, gain, load(rates, r), spread(into, k), spread(out, k),
                    load(decays, a), p0, e0, d0, dg, ds, drates, r, dinto, dout, a,
                )  # fmt: skip
                d1, dg, ds = _back(
                    outer, size, gain, load(rates, r + 16), spread(into, k + 1), spread(out, k + 1),
                    load(decays, a + 16), p1, e1, d1, dg, ds, drates, r + 16, dinto, dout, a + 16,
                )  # fmt: skip
                d2, dg, ds = _back(
                    outer, size, gain, load(rates, r + 32), spread(into, k + 2), spread(out, k + 2),
                    load(decays, a + 32), p2, e2, d2, dg, ds, drates, r + 32, dinto, dout, a + 32,
                )  # fmt: skip
                d3, dg, ds = _back(
                    outer, size, gain, load(rates, r + 48), spread(into, k + 3), spread(out, k + 3),
                    load(decays, a + 48), p3, e3, d3, dg, ds, drates, r + 48, dinto, dout, a + 48,
                )  # fmt: skip
                store(dgains, here, dg)
                store(dsizes, here, ds)
        store(dp, at, d0)
        store(dp, at + 16, d1)
        store(dp, at + 32, d2)
        store(dp, at + 48, d3)


@njit(**_compiled)
def _read_projections(source, b, first, turn, steps, fours, target):
    """An input or output projection (M, B, L, N) in the order of the steps -> (M, steps, N in fours)."""
    for m in range(source.shape[0]):
        read_projection(source[m, b], first, turn, steps, target[m * steps * fours :])


@njit(**_compiled)
def _read_inputs(
    delta, u, D, bias, b, first, turn, steps, channel, width, has_softplus, raw, sizes, x, gains, out, skip, offset
):  # fmt: skip
    """The tiles of all modalities that both directions begin with."""
    modalities = u.shape[0]
    tile = len(x) // modalities
    for m in range(modalities):
        a, z = m * tile, (m + 1) * tile
        read_row(D[m], channel, width, skip[m])
        read_row(bias[m], channel, width, offset[m])
        read_tile(delta[m], b, first, turn, steps, channel, width, raw[a:z])
        read_tile(u[m], b, first, turn, steps, channel, width, x[a:z])
        step_sizes(raw[a:z], offset[m], has_softplus, steps, sizes[a:z])
        gains_of(sizes[a:z], x[a:z], skip[m], steps, gains[a:z], out[a:z])


@njit(**_compiled)
def _read_rates(A, scale, low, high, rates):
    """scale * rates (M, D, N) -> (blocks, M * N in fours * 16), of the blocks from low to high."""
    modalities, channels, _ = A.shape
    row = rates.shape[1] // modalities
    for block in range(low, high):
        for m in range(modalities):
            width = min(LANES, channels - block * LANES)
            read_states(A[m], block * LANES, width, scale, rates[block, m * row : (m + 1) * row])


@njit(types.void(*_INPUTS, _FOUR, _FOUR, _FLAT, types.int64[::1], _INT, _INT), **_compiled)
def forward(u, delta, A, B, C, D, bias, z, flags, scale, every, splits, y, last, kept, broken, begin, end):
    """Units ``begin`` to ``end`` of all B * splits: outputs y, last states (M, B, D, N), kept p.

    A unit is a part of the blocks. flags: softplus, gate z, keep p, reverse, guard the states. kept: (B, blocks,
    chunks, N in fours, 16), flat. broken (B * splits,) becomes the first step after which a guarded state is not
    finite.
    """
    has_softplus, has_gate, keep, reverse, guard = flags[0], flags[1], flags[2], flags[3], flags[4]
    modalities, length, channels, states = u.shape[0], u.shape[2], u.shape[3], A.shape[2]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    row, tile = fours * LANES, every * LANES
    blocks, chunks = (channels + LANES - 1) // LANES, (length + every - 1) // every
    turn = -1 if reverse else 1
    raw, sizes, x, gains, out = np.empty((5, modalities * tile), np.float32)
    b_, c_ = np.empty((2, modalities * every * fours), np.float32)
    rates, h = np.empty((blocks, modalities * row), np.float32), np.empty(modalities * row, np.float32)
    p, gate = np.empty((blocks, row), np.float32), np.empty(tile, np.float32)
    skip, offset = np.empty((2, modalities, LANES), np.float32)
    for unit in range(begin, end):
        b, split = unit // splits, unit % splits
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        _read_rates(A, LOG2_E, low, high, rates)
        p[:] = ZERO
        for c in range(chunks):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse else c * every
            _read_projections(B, b, first, turn, steps, fours, b_)
            _read_projections(C, b, first, turn, steps, fours, c_)
            for block in range(low, high):
                channel, width = block * LANES, min(LANES, channels - block * LANES)
                if keep:
                    position = ((b * blocks + block) * chunks + c) * row
                    kept[position : position + row] = p[block]
                _read_inputs(
                    delta, u, D, bias, b, first, turn, steps, channel, width, has_softplus,
                    raw, sizes, x, gains, out, skip, offset,
                )  # fmt: skip
                good = _chunk(
                    sizes, gains, rates[block], b_, c_, scale, steps, c == chunks - 1, guard, p[block], h, out
                )
                if good < steps:
                    broken[unit] = min(broken[unit], c * every + good)
                for m in range(modalities):
                    own = out[m * tile : (m + 1) * tile]
                    if has_gate:
                        read_tile(z[m], b, first, turn, steps, channel, width, gate)
                        open_gate(gate, steps, own)
                    write_tile(own, y[m], b, first, turn, steps, channel, width)
                    if c == chunks - 1:
                        write_states(h[m * row : (m + 1) * row], last[m, b], channel, width)
            if broken[unit] < length:
                break


@njit(
    types.void(
        *_INPUTS, _FLAT, _FOUR, _FOUR, _FOUR, _FOUR, types.float32[:, :, ::1], _FIVE, _FIVE, _SUMS, _SUMS, _FOUR,
        _INT, _INT, _INT,
    ),
    **_compiled,
)  # fmt: skip
def backward(
    u, delta, A, B, C, D, bias, z, flags, scale, every, splits, kept, dy, dlast,
    du, ddelta, dA, dB, dC, dD, dbias, dz, part, begin, end,
):  # fmt: skip
    """Units ``begin`` to ``end`` of all B * splits, as in ``forward``.

    dA (parts, blocks, M * N in fours * 16), dD and dbias (parts, blocks, M, 16) are added to at ``part``; dB, dC
    (splits, M, B, L, N) are written.
    """
    has_softplus, has_gate, reverse = flags[0], flags[1], flags[3]
    modalities, length, channels, states = u.shape[0], u.shape[2], u.shape[3], A.shape[2]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    row, tile = fours * LANES, every * LANES
    blocks, chunks = (channels + LANES - 1) // LANES, (length + every - 1) // every
    turn = -1 if reverse else 1
    raw, sizes, x, gains, slopes, out, dgains = np.empty((7, modalities * tile), np.float32)
    b_, c_ = np.empty((2, modalities * every * fours), np.float32)
    ps, gate, p = np.empty(every * row, np.float32), np.empty(tile, np.float32), np.empty(row, np.float32)
    decays, dinto, dout = np.empty((3, modalities * every * row), np.float32)
    rates, last = np.empty((blocks, modalities * row), np.float32), np.empty(modalities * row, np.float32)
    dp = np.empty((blocks, row), np.float32)
    skip, offset = np.empty((2, modalities, LANES), np.float32)
    for unit in range(begin, end):
        b, split = unit // splits, unit % splits
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        _read_rates(A, ONE, low, high, rates)
        dp[:] = ZERO
        for c in range(chunks - 1, -1, -1):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse else c * every
            _read_projections(B, b, first, turn, steps, fours, b_)
            _read_projections(C, b, first, turn, steps, fours, c_)
            clear(dinto, modalities * steps * row)
            clear(dout, modalities * steps * row)
            for block in range(low, high):
                channel, width = block * LANES, min(LANES, channels - block * LANES)
                _read_inputs(
                    delta, u, D, bias, b, first, turn, steps, channel, width, has_softplus,
                    raw, sizes, x, gains, out, skip, offset,
                )  # fmt: skip
                position = ((b * blocks + block) * chunks + c) * row
                copy(kept, position, p)
                _chunk_again(sizes, gains, rates[block], b_, c_, scale, steps, p, ps, decays, out)
                for m in range(modalities):
                    own = slopes[m * tile : (m + 1) * tile]
                    if c == chunks - 1:
                        read_states(dlast[m, b], channel, width, ONE, last[m * row : (m + 1) * row])
                    read_tile(dy[m], b, first, turn, steps, channel, width, own)
                    if has_gate:
                        read_tile(z[m], b, first, turn, steps, channel, width, gate)
                        gate_slopes(gate, out[m * tile : (m + 1) * tile], steps, own)
                        write_tile(gate, dz[m], b, first, turn, steps, channel, width)
                clear(out, len(out))
                clear(dgains, len(dgains))
                _chunk_back(
                    slopes, sizes, gains, rates[block], b_, c_, scale, steps, ps, decays, last, c == chunks - 1,
                    dp[block], dA[part, block], dinto, dout, dgains, out,
                )  # fmt: skip
                for m in range(modalities):
                    a, e = m * tile, (m + 1) * tile
                    input_slopes(
                        slopes[a:e],
                        sizes[a:e],
                        x[a:e],
                        skip[m],
                        steps,
                        dgains[a:e],
                        out[a:e],
                        dD[part, block, m],
                    )
                    write_tile(x[a:e], du[m], b, first, turn, steps, channel, width)
                    store(offset[m], 0, step_slopes(raw[a:e], offset[m], has_softplus, steps, out[a:e]))
                    add_to(dbias[part, block, m], offset[m])
                    write_tile(out[a:e], ddelta[m], b, first, turn, steps, channel, width)
            for m in range(modalities):
                sum_lanes(dinto, modalities, m, first, turn, steps, dB[split, m, b])
                sum_lanes(dout, modalities, m, first, turn, steps, dC[split, m, b])
