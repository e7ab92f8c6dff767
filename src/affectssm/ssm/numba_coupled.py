"""Numba kernels of the coupled scan with one pooled state (couplings mean and sum); words as in numba_tiles.

M modalities lie one after the other along the first axis: u, delta, z, y (M * B, L, D), A (M * D, N), B and C
(M * B, L, N). What enters every modality's transition in place of its own previous state is p = ``scale`` times the
sum of all states. One pass carries p in registers and gives every modality's output; p is also all that is kept, at
the beginning of every chunk. Tiles of several modalities are flat: modality m's begins at m times its length.

A chunk holds fewer steps the more modalities there are: the tiles of all of them stay in the first-level cache.
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
    place_of_next,
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
from affectssm.ssm.numba_vectors import (
    LANES,
    exp2,
    fetch3,
    fetch_to_write3,
    fma,
    load,
    splat,
    spread,
    store,
    total,
)

_FLAT, _ROWS, _TIMED = types.float32[::1], types.float32[:, :], types.float32[:, :, :]
_PARTIAL = types.float32[:, :, :, :]
_FLAGS, _INT = types.boolean[::1], types.intp
_INPUTS = (
    _TIMED, _TIMED, _ROWS, _TIMED, _TIMED, _FLAT, _FLAT, _TIMED, _FLAGS, types.float32, _INT, _INT, _INT,
)  # fmt: skip
_compiled = {"nogil": True, "cache": True}


@njit(**_compiled)
def _chunk(
    block, modalities, row, sizes, gains, rates, into, out, scale, steps, ends, guard, p, h, y,
    delta, u, target, batch, b, turn, first, channel, next_first, next_channel,
):  # fmt: skip
    """Add the states' outputs to y (M, steps, 16); p (blocks, N, 16) goes on; h (M, N, 16) where the scan ``ends``.

    rates (blocks, M, N, 16) are in powers of two; row is the length of a block's (N, 16); sizes, gains and y may hold
    more steps. Returns the first step after which a guarded state is not finite, or ``steps``.
    """
    fours, tile, factor, good = row // LANES, len(y) // modalities, splat(scale), steps
    rates_at, p_at = block * modalities * row, block * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        own = p_at + at
        p0, p1, p2, p3 = load(p, own), load(p, own + 16), load(p, own + 32), load(p, own + 48)
        for i in range(steps):
            s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                if n == 0:
                    fetch3(delta, m * batch + b, next_first + turn * i, next_channel)
                    fetch3(u, m * batch + b, next_first + turn * i, next_channel)
                    fetch_to_write3(target, m * batch + b, first + turn * i, channel)
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                size, gain, summed = load(sizes, here), load(gains, here), load(y, here)
                h0 = fma(exp2(size * load(rates, rates_at + r)), p0, gain * spread(into, k))
                h1 = fma(exp2(size * load(rates, rates_at + r + 16)), p1, gain * spread(into, k + 1))
                h2 = fma(exp2(size * load(rates, rates_at + r + 32)), p2, gain * spread(into, k + 2))
                h3 = fma(exp2(size * load(rates, rates_at + r + 48)), p3, gain * spread(into, k + 3))
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
        store(p, own, p0)
        store(p, own + 16, p1)
        store(p, own + 32, p2)
        store(p, own + 48, p3)
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
def _chunk_again(
    block, modalities, row, sizes, gains, rates, into, scale, steps, p, ps, decays,
    delta, u, dy, batch, b, turn, next_first, next_channel,
):  # fmt: skip
    """All p (fours, steps, 4, 16) and decays (fours, steps, M, 4, 16) of a chunk from its first p."""
    fours, tile, factor, rates_at = (
        row // LANES,
        len(sizes) // modalities,
        splat(scale),
        block * modalities * row,
    )
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
                if n == 0:
                    fetch3(delta, m * batch + b, next_first + turn * i, next_channel)
                    fetch3(u, m * batch + b, next_first + turn * i, next_channel)
                    fetch3(dy, m * batch + b, next_first + turn * i, next_channel)
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                a = ((n * steps + i * FOUR) * modalities + m * FOUR) * LANES
                size, gain = load(sizes, here) * splat(LOG2_E), load(gains, here)
                a0, a1 = exp2(size * load(rates, rates_at + r)), exp2(size * load(rates, rates_at + r + 16))
                a2, a3 = (
                    exp2(size * load(rates, rates_at + r + 32)),
                    exp2(size * load(rates, rates_at + r + 48)),
                )
                store(decays, a, a0)
                store(decays, a + 16, a1)
                store(decays, a + 32, a2)
                store(decays, a + 48, a3)
                h0, h1 = fma(a0, p0, gain * spread(into, k)), fma(a1, p1, gain * spread(into, k + 1))
                h2, h3 = fma(a2, p2, gain * spread(into, k + 2)), fma(a3, p3, gain * spread(into, k + 3))
                s0, s1, s2, s3 = s0 + h0, s1 + h1, s2 + h2, s3 + h3
            p0, p1, p2, p3 = factor * s0, factor * s1, factor * s2, factor * s3


@njit(**_compiled)
def _outputs(gains, into, out, ps, decays, modalities, m, steps, fours, y, at):
    """Add the outputs of modality m's states, which p and the decays give again, to its tile of y."""
    for n in range(fours):
        four, one = n - n % FOUR, n % FOUR
        for i in range(steps):
            k = (m * steps + i) * fours + n
            p = load(ps, (four * steps + i * FOUR + one) * LANES)
            decay = load(decays, ((four * steps + i * FOUR) * modalities + m * FOUR + one) * LANES)
            here = at + i * LANES
            state = fma(decay, p, load(gains, here) * spread(into, k))
            store(y, here, fma(state, spread(out, k), load(y, here)))


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
    block, modalities, row, slopes, sizes, gains, rates, into, out, scale, steps, ps, decays, dlast, ends,
    dp, drates, own, dinto, dout, dgains, dsizes, du, ddelta, batch, b, turn, first, channel,
):  # fmt: skip
    """Back through a chunk; dp goes on, all other gradients are added to.

    dlast (M, N, 16) is the gradient of the states after the last step, which counts where the scan ``ends`` here;
    the rates' gradient begins at ``own``.
    """
    fours, tile, factor = row // LANES, len(sizes) // modalities, splat(scale)
    rates_at, dp_at = block * modalities * row, block * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        place = dp_at + at
        d0, d1, d2, d3 = load(dp, place), load(dp, place + 16), load(dp, place + 32), load(dp, place + 48)
        for i in range(steps - 1, -1, -1):
            j = (n * steps + i * FOUR) * LANES
            p0, p1, p2, p3 = load(ps, j), load(ps, j + 16), load(ps, j + 32), load(ps, j + 48)
            g0, g1, g2, g3 = factor * d0, factor * d1, factor * d2, factor * d3
            d0, d1, d2, d3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                s = own + r
                if n == 0:
                    fetch_to_write3(du, m * batch + b, first + turn * i, channel)
                    fetch_to_write3(ddelta, m * batch + b, first + turn * i, channel)
                a = ((n * steps + i * FOUR) * modalities + m * FOUR) * LANES
                e0, e1, e2, e3 = g0, g1, g2, g3
                if ends and i == steps - 1:
                    e0, e1, e2, e3 = (
                        load(dlast, r), load(dlast, r + 16), load(dlast, r + 32), load(dlast, r + 48),
                    )  # fmt: skip
                outer, size, gain = load(slopes, here), load(sizes, here), load(gains, here)
                dg, ds = load(dgains, here), load(dsizes, here)
                d0, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r), spread(into, k), spread(out, k),
                    load(decays, a), p0, e0, d0, dg, ds, drates, s, dinto, dout, a,
                )  # fmt: skip
                d1, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r + 16), spread(into, k + 1), spread(out, k + 1),
                    load(decays, a + 16), p1, e1, d1, dg, ds, drates, s + 16, dinto, dout, a + 16,
                )  # fmt: skip
                d2, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r + 32), spread(into, k + 2), spread(out, k + 2),
                    load(decays, a + 32), p2, e2, d2, dg, ds, drates, s + 32, dinto, dout, a + 32,
                )  # fmt: skip
                d3, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r + 48), spread(into, k + 3), spread(out, k + 3),
                    load(decays, a + 48), p3, e3, d3, dg, ds, drates, s + 48, dinto, dout, a + 48,
                )  # fmt: skip
                store(dgains, here, dg)
                store(dsizes, here, ds)
        store(dp, place, d0)
        store(dp, place + 16, d1)
        store(dp, place + 32, d2)
        store(dp, place + 48, d3)


@njit(**_compiled)
def _read_projections(source, modalities, b, first, turn, steps, fours, target):
    """An input or output projection (M * B, L, N) in the order of the steps -> (M, steps, N in fours)."""
    for m in range(modalities):
        own = source[m * (len(source) // modalities) + b]
        read_projection(own, first, turn, steps, target[m * steps * fours :])


@njit(**_compiled)
def _read_inputs(
    delta, u, D, bias, batch, b, first, turn, steps, channel, width, has_softplus,
    raw, sizes, x, gains, out, skip, offset,
):  # fmt: skip
    """The tiles of all modalities that both directions begin with."""
    modalities, channels = len(skip) // LANES, u.shape[2]
    tile = len(x) // modalities
    for m in range(modalities):
        at, row = m * tile, m * LANES
        read_row(D, m * channels + channel, width, skip, row)
        read_row(bias, m * channels + channel, width, offset, row)
        read_tile(delta, m * batch + b, first, turn, steps, channel, width, raw, at)
        read_tile(u, m * batch + b, first, turn, steps, channel, width, x, at)
        step_sizes(raw, load(offset, row), has_softplus, steps, sizes, at)
        gains_of(sizes, x, load(skip, row), steps, gains, out, at)


@njit(**_compiled)
def _read_rates(A, modalities, scale, low, high, rates, fours):
    """scale * rates (M * D, N) -> (blocks, M * N in fours * 16), flat, of the blocks from low to high."""
    channels = len(A) // modalities
    for block in range(low, high):
        for m in range(modalities):
            width, at = min(LANES, channels - block * LANES), (block * modalities + m) * fours * LANES
            read_states(A, m * channels + block * LANES, width, scale, rates, at, fours)


@njit(types.void(*_INPUTS, _TIMED, _TIMED, _FLAT, types.int64[::1], _INT, _INT), **_compiled)
def forward(
    u, delta, A, B, C, D, bias, z, flags, scale, modalities, every, splits, y, last, kept, broken, begin, end
):
    """Units ``begin`` to ``end`` of all B * splits: outputs y, last states (M * B, D, N), kept p.

    A unit is a part of the blocks. flags: softplus, gate z, keep p, reverse, guard the states. kept: (B, blocks,
    chunks, N in fours, 16), flat. broken (B * splits,) becomes the first step after which a guarded state is not
    finite.
    """
    has_softplus, has_gate, keep, reverse, guard = flags[0], flags[1], flags[2], flags[3], flags[4]
    batch, length, channels, states = len(u) // modalities, u.shape[1], u.shape[2], A.shape[1]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    row, tile = fours * LANES, every * LANES
    blocks, chunks = (channels + LANES - 1) // LANES, (length + every - 1) // every
    turn = -1 if reverse else 1
    raw, sizes, x, gains, gate, out = np.empty((6, modalities * tile), np.float32)
    b_, c_ = np.empty((2, modalities * every * fours), np.float32)
    rates, p = np.empty(blocks * modalities * row, np.float32), np.empty(blocks * row, np.float32)
    h = np.empty(modalities * row, np.float32)
    skip, offset = np.empty((2, modalities * LANES), np.float32)
    for unit in range(begin, end):
        b, split = unit // splits, unit % splits
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        _read_rates(A, modalities, LOG2_E, low, high, rates, fours)
        p[:] = ZERO
        for c in range(chunks):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse else c * every
            _read_projections(B, modalities, b, first, turn, steps, fours, b_)
            _read_projections(C, modalities, b, first, turn, steps, fours, c_)
            for block in range(low, high):
                channel, width = block * LANES, min(LANES, channels - block * LANES)
                if keep:
                    position = ((b * blocks + block) * chunks + c) * row
                    copy(p, block * row, kept, position, row)
                _read_inputs(
                    delta, u, D, bias, batch, b, first, turn, steps, channel, width, has_softplus,
                    raw, sizes, x, gains, out, skip, offset,
                )  # fmt: skip
                soon, beside = place_of_next(block, low, high, channel, first, turn * steps)
                good = _chunk(
                    block, modalities, row, sizes, gains, rates, b_, c_, scale, steps, c == chunks - 1, guard,
                    p, h, out, delta, u, y, batch, b, turn, first, channel, soon, beside,
                )  # fmt: skip
                if good < steps:
                    broken[unit] = min(broken[unit], c * every + good)
                for m in range(modalities):
                    at = m * tile
                    if has_gate:
                        read_tile(z, m * batch + b, first, turn, steps, channel, width, gate, at)
                        open_gate(gate, steps, out, at)
                    write_tile(out, at, y, m * batch + b, first, turn, steps, channel, width)
                    if c == chunks - 1:
                        write_states(h, m * row, last[m * batch + b], channel, width)
            if broken[unit] < length:
                break


@njit(
    types.void(
        *_INPUTS, _FLAT, _TIMED, _TIMED, _TIMED, _TIMED, _FLAT, _PARTIAL, _PARTIAL, _FLAT, _FLAT, _TIMED,
        _INT, _INT, _INT,
    ),
    **_compiled,
)  # fmt: skip
def backward(
    u, delta, A, B, C, D, bias, z, flags, scale, modalities, every, splits, kept, dy, dlast,
    du, ddelta, dA, dB, dC, dD, dbias, dz, part, begin, end,
):  # fmt: skip
    """Units ``begin`` to ``end`` of all B * splits, as in ``forward``.

    dA (parts, blocks, M * N in fours * 16), dD and dbias (parts, blocks, M * 16), all flat, are added to at ``part``;
    dB, dC (splits, M * B, L, N) are written.
    """
    has_softplus, has_gate, reverse = flags[0], flags[1], flags[3]
    batch, length, channels, states = len(u) // modalities, u.shape[1], u.shape[2], A.shape[1]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    row, tile = fours * LANES, every * LANES
    blocks, chunks = (channels + LANES - 1) // LANES, (length + every - 1) // every
    turn = -1 if reverse else 1
    raw, sizes, x, gains, slopes, gate, out, dgains = np.empty((8, modalities * tile), np.float32)
    b_, c_ = np.empty((2, modalities * every * fours), np.float32)
    ps, p = np.empty(every * row, np.float32), np.empty(row, np.float32)
    decays, dinto, dout = np.empty((3, modalities * every * row), np.float32)
    rates, dp = np.empty(blocks * modalities * row, np.float32), np.empty(blocks * row, np.float32)
    last = np.empty(modalities * row, np.float32)
    skip, offset = np.empty((2, modalities * LANES), np.float32)
    for unit in range(begin, end):
        b, split = unit // splits, unit % splits
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        _read_rates(A, modalities, ONE, low, high, rates, fours)
        dp[:] = ZERO
        for c in range(chunks - 1, -1, -1):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse else c * every
            _read_projections(B, modalities, b, first, turn, steps, fours, b_)
            _read_projections(C, modalities, b, first, turn, steps, fours, c_)
            clear(dinto, modalities * steps * row)
            clear(dout, modalities * steps * row)
            for block in range(low, high):
                channel, width = block * LANES, min(LANES, channels - block * LANES)
                own = part * blocks + block
                _read_inputs(
                    delta, u, D, bias, batch, b, first, turn, steps, channel, width, has_softplus,
                    raw, sizes, x, gains, out, skip, offset,
                )  # fmt: skip
                position = ((b * blocks + block) * chunks + c) * row
                copy(kept, position, p, 0, row)
                soon, beside = place_of_next(block, low, high, channel, first, -turn * every)
                _chunk_again(
                    block, modalities, row, sizes, gains, rates, b_, scale, steps, p, ps, decays,
                    delta, u, dy, batch, b, turn, soon, beside,
                )  # fmt: skip
                for m in range(modalities):
                    at = m * tile
                    if c == chunks - 1:
                        read_states(dlast[m * batch + b], channel, width, ONE, last, m * row, fours)
                    read_tile(dy, m * batch + b, first, turn, steps, channel, width, slopes, at)
                    if has_gate:
                        read_tile(z, m * batch + b, first, turn, steps, channel, width, gate, at)
                        _outputs(gains, b_, c_, ps, decays, modalities, m, steps, fours, out, at)
                        gate_slopes(gate, out, steps, slopes, at)
                        write_tile(gate, at, dz, m * batch + b, first, turn, steps, channel, width)
                clear(out, len(out))
                clear(dgains, len(dgains))
                _chunk_back(
                    block, modalities, row, slopes, sizes, gains, rates, b_, c_, scale, steps, ps, decays,
                    last, c == chunks - 1, dp, dA, own * modalities * row, dinto, dout, dgains, out,
                    du, ddelta, batch, b, turn, first, channel,
                )  # fmt: skip
                for m in range(modalities):
                    at, of_m = m * tile, (own * modalities + m) * LANES
                    skips = input_slopes(slopes, sizes, x, load(skip, m * LANES), steps, dgains, out, at)
                    add_to(dD, of_m, skips)
                    write_tile(x, at, du, m * batch + b, first, turn, steps, channel, width)
                    biases = step_slopes(raw, load(offset, m * LANES), has_softplus, steps, out, at)
                    add_to(dbias, of_m, biases)
                    write_tile(out, at, ddelta, m * batch + b, first, turn, steps, channel, width)
            for m in range(modalities):
                sum_lanes(dinto, modalities, m, first, turn, steps, dB[split, m * batch + b])
                sum_lanes(dout, modalities, m, first, turn, steps, dC[split, m * batch + b])
