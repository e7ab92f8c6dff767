"""Numba kernels of the selective scan, forward and backward.

Letters: B batch, L steps, D channels, N states, G groups, W = D / G channels of a group; blocks, chunks and tiles as
in numba_tiles, where a block lies within a group. All arrays come with time before channels: u, delta, z, y
(B, L, D), B and C (B, G, L, N), A (D, N).

The forward pass keeps the state at the beginning of every chunk. The backward pass goes through the chunks from the
last to the first, runs each again from its kept state, and then back through it.

The rows of a tile lie too far apart in memory for the processor to guess which comes next, and waiting for them would
take a tenth of a long scan's time. So the loops over a tile's steps ask for the rows of the next tile, and for those
that will be written, once a tile: in the pass of the first four states.
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
from affectssm.ssm.numba_vectors import LANES, exp2, fetch3, fetch_to_write3, fma, load, splat, spread, store

_FLAT, _ROWS, _TIMED = types.float32[::1], types.float32[:, :], types.float32[:, :, :]
_PROJECTED, _PARTIAL = types.float32[:, :, :, :], types.float32[:, :, :, :, :]
_FLAGS, _INT = types.boolean[::1], types.intp
_INPUTS = (
    _TIMED, _TIMED, _ROWS, _PROJECTED, _PROJECTED, _FLAT, _FLAT, _TIMED, _FLAGS, _FLAGS, _INT,
)  # fmt: skip
_compiled = {"nogil": True, "cache": True}


@njit(**_compiled)
def _chunk(
    own, fours, sizes, gains, rates, into, out, steps, h, y,
    delta, u, target, b, turn, first, channel, next_first, next_channel,
):  # fmt: skip
    """Add the states' outputs to y (steps, 16); h (blocks, N, 16) goes on, from position ``own``.

    rates (blocks, N, 16) are in powers of two.
    """
    for n in range(0, fours, FOUR):
        at = own + n * LANES
        r0, r1, r2, r3 = load(rates, at), load(rates, at + 16), load(rates, at + 32), load(rates, at + 48)
        h0, h1, h2, h3 = load(h, at), load(h, at + 16), load(h, at + 32), load(h, at + 48)
        for i in range(steps):
            if n == 0:
                fetch3(delta, b, next_first + turn * i, next_channel)
                fetch3(u, b, next_first + turn * i, next_channel)
                fetch_to_write3(target, b, first + turn * i, channel)
            size, gain, summed = load(sizes, i * LANES), load(gains, i * LANES), load(y, i * LANES)
            k = i * fours + n
            h0 = fma(exp2(size * r0), h0, gain * spread(into, k))
            h1 = fma(exp2(size * r1), h1, gain * spread(into, k + 1))
            h2 = fma(exp2(size * r2), h2, gain * spread(into, k + 2))
            h3 = fma(exp2(size * r3), h3, gain * spread(into, k + 3))
            summed = fma(h1, spread(out, k + 1), fma(h0, spread(out, k), summed))
            store(y, i * LANES, fma(h3, spread(out, k + 3), fma(h2, spread(out, k + 2), summed)))
        store(h, at, h0)
        store(h, at + 16, h1)
        store(h, at + 32, h2)
        store(h, at + 48, h3)


@njit(**_compiled)
def _chunk_again(
    own, fours, sizes, gains, rates, into, steps, h, hs, decays, delta, u, dy, b, turn, next_first, next_channel
):  # fmt: skip
    """All states and decays of a chunk from its first states h: (fours, steps + 1, 4, 16) and (fours, steps, 4, 16)."""
    for n in range(0, fours, FOUR):
        at = n * LANES
        r0, r1, r2, r3 = (
            load(rates, own + at),
            load(rates, own + at + 16),
            load(rates, own + at + 32),
            load(rates, own + at + 48),
        )
        h0, h1, h2, h3 = load(h, at), load(h, at + 16), load(h, at + 32), load(h, at + 48)
        for i in range(steps):
            if n == 0:
                fetch3(delta, b, next_first + turn * i, next_channel)
                fetch3(u, b, next_first + turn * i, next_channel)
                fetch3(dy, b, next_first + turn * i, next_channel)
            size, gain = load(sizes, i * LANES) * splat(LOG2_E), load(gains, i * LANES)
            k, state, decay = (
                i * fours + n,
                (n * (steps + 1) + i * FOUR) * LANES,
                (n * steps + i * FOUR) * LANES,
            )
            store(hs, state, h0)
            store(hs, state + 16, h1)
            store(hs, state + 32, h2)
            store(hs, state + 48, h3)
            a0, a1, a2, a3 = exp2(size * r0), exp2(size * r1), exp2(size * r2), exp2(size * r3)
            store(decays, decay, a0)
            store(decays, decay + 16, a1)
            store(decays, decay + 32, a2)
            store(decays, decay + 48, a3)
            h0 = fma(a0, h0, gain * spread(into, k))
            h1 = fma(a1, h1, gain * spread(into, k + 1))
            h2 = fma(a2, h2, gain * spread(into, k + 2))
            h3 = fma(a3, h3, gain * spread(into, k + 3))
        end = (n * (steps + 1) + steps * FOUR) * LANES
        store(hs, end, h0)
        store(hs, end + 16, h1)
        store(hs, end + 32, h2)
        store(hs, end + 48, h3)


@njit(**_compiled)
def _outputs(hs, out, steps, fours, y):
    """Add the outputs of known states to y (steps, 16)."""
    for n in range(fours):
        for i in range(steps):
            state = load(hs, ((n - n % FOUR) * (steps + 1) + (i + 1) * FOUR + n % FOUR) * LANES)
            store(y, i * LANES, fma(state, spread(out, i * fours + n), load(y, i * LANES)))


@njit(**_compiled)
def _back(outer, size, gain, rate, b, c, decay, before, after, dh, drate, dgain, dsize, dinto, dout, here):
    """Back through one state's step, from ``after`` to ``before``."""
    slope = fma(outer, c, dh)
    store(dout, here, fma(outer, after, load(dout, here)))
    store(dinto, here, fma(slope, gain, load(dinto, here)))
    dgain = fma(slope, b, dgain)
    dh = slope * decay
    slope = dh * before
    return dh, fma(slope, size, drate), dgain, fma(slope, rate, dsize)


@njit(**_compiled)
def _chunk_back(
    at_block, fours, slopes, sizes, gains, rates, into, out, steps, hs, decays,
    dh, drates, own, dinto, dout, dgains, dsizes, du, ddelta, b, turn, first, channel,
):  # fmt: skip
    """Back through a chunk; dh goes on, all other gradients are added to, the rates' from position ``own`` on."""
    for n in range(0, fours, FOUR):
        at = at_block + n * LANES
        r0, r1, r2, r3 = load(rates, at), load(rates, at + 16), load(rates, at + 32), load(rates, at + 48)
        d0, d1, d2, d3 = load(dh, at), load(dh, at + 16), load(dh, at + 32), load(dh, at + 48)
        r = own + n * LANES
        e0, e1, e2, e3 = load(drates, r), load(drates, r + 16), load(drates, r + 32), load(drates, r + 48)
        s = (n * (steps + 1) + steps * FOUR) * LANES
        h0, h1, h2, h3 = load(hs, s), load(hs, s + 16), load(hs, s + 32), load(hs, s + 48)
        for i in range(steps - 1, -1, -1):
            if n == 0:
                fetch_to_write3(du, b, first + turn * i, channel)
                fetch_to_write3(ddelta, b, first + turn * i, channel)
            outer, size, gain = load(slopes, i * LANES), load(sizes, i * LANES), load(gains, i * LANES)
            dg, ds = load(dgains, i * LANES), load(dsizes, i * LANES)
            k, s, j = i * fours + n, (n * (steps + 1) + i * FOUR) * LANES, (n * steps + i * FOUR) * LANES
            p0, p1, p2, p3 = load(hs, s), load(hs, s + 16), load(hs, s + 32), load(hs, s + 48)
            d0, e0, dg, ds = _back(
                outer, size, gain, r0, spread(into, k), spread(out, k), load(decays, j),
                p0, h0, d0, e0, dg, ds, dinto, dout, j,
            )  # fmt: skip
            d1, e1, dg, ds = _back(
                outer, size, gain, r1, spread(into, k + 1), spread(out, k + 1), load(decays, j + 16),
                p1, h1, d1, e1, dg, ds, dinto, dout, j + 16,
            )  # fmt: skip
            d2, e2, dg, ds = _back(
                outer, size, gain, r2, spread(into, k + 2), spread(out, k + 2), load(decays, j + 32),
                p2, h2, d2, e2, dg, ds, dinto, dout, j + 32,
            )  # fmt: skip
            d3, e3, dg, ds = _back(
                outer, size, gain, r3, spread(into, k + 3), spread(out, k + 3), load(decays, j + 48),
                p3, h3, d3, e3, dg, ds, dinto, dout, j + 48,
            )  # fmt: skip
            h0, h1, h2, h3 = p0, p1, p2, p3
            store(dgains, i * LANES, dg)
            store(dsizes, i * LANES, ds)
        store(dh, at, d0)
        store(dh, at + 16, d1)
        store(dh, at + 32, d2)
        store(dh, at + 48, d3)
        store(drates, r, e0)
        store(drates, r + 16, e1)
        store(drates, r + 32, e2)
        store(drates, r + 48, e3)


@njit(types.void(*_INPUTS, _INT, _TIMED, _TIMED, _FLAT, _INT, _INT), **_compiled)
def forward(u, delta, A, B, C, D, bias, z, flags, reverse, every, splits, y, last, kept, begin, end):
    """Units ``begin`` to ``end`` of all B * G * splits: outputs y, last states (B, D, N), kept states.

    A unit is a part of the blocks of a group. flags: softplus, gate z, keep states. kept: (B, G, blocks, chunks,
    N in fours, 16), flat.
    """
    has_softplus, has_gate, keep = flags[0], flags[1], flags[2]
    length, groups, states = u.shape[1], B.shape[1], B.shape[3]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    width_of_group, row = u.shape[2] // groups, fours * LANES
    blocks, chunks = (width_of_group + LANES - 1) // LANES, (length + every - 1) // every
    raw, sizes, x, gains, out, gate = np.empty((6, every * LANES), np.float32)
    b_, c_ = np.empty((2, every * fours), np.float32)
    rates, h = np.empty((2, blocks * row), np.float32)
    skip, offset = np.empty((2, LANES), np.float32)
    for unit in range(begin, end):
        b, g, split = unit // (groups * splits), (unit // splits) % groups, unit % splits
        turn = -1 if reverse[g] else 1
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        for block in range(low, high):
            channel, width = g * width_of_group + block * LANES, min(LANES, width_of_group - block * LANES)
            read_states(A, channel, width, LOG2_E, rates, block * row, fours)
        h[:] = ZERO
        for c in range(chunks):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse[g] else c * every
            read_projection(B[b, g], first, turn, steps, b_)
            read_projection(C[b, g], first, turn, steps, c_)
            for block in range(low, high):
                channel, width = (
                    g * width_of_group + block * LANES,
                    min(LANES, width_of_group - block * LANES),
                )
                if keep:
                    position = (((b * groups + g) * blocks + block) * chunks + c) * row
                    copy(h, block * row, kept, position, row)
                read_row(D, channel, width, skip, 0)
                read_row(bias, channel, width, offset, 0)
                read_tile(delta, b, first, turn, steps, channel, width, raw, 0)
                read_tile(u, b, first, turn, steps, channel, width, x, 0)
                step_sizes(raw, load(offset, 0), has_softplus, steps, sizes, 0)
                gains_of(sizes, x, load(skip, 0), steps, gains, out, 0)
                soon, beside = place_of_next(block, low, high, channel, first, turn * steps)
                _chunk(
                    block * row, fours, sizes, gains, rates, b_, c_, steps, h, out,
                    delta, u, y, b, turn, first, channel, soon, beside,
                )  # fmt: skip
                if has_gate:
                    read_tile(z, b, first, turn, steps, channel, width, gate, 0)
                    open_gate(gate, steps, out, 0)
                write_tile(out, 0, y, b, first, turn, steps, channel, width)
        for block in range(low, high):
            channel, width = g * width_of_group + block * LANES, min(LANES, width_of_group - block * LANES)
            write_states(h, block * row, last[b], channel, width)


@njit(
    types.void(
        *_INPUTS, _INT, _FLAT, _TIMED, _TIMED,
        _TIMED, _TIMED, _FLAT, _PARTIAL, _PARTIAL, _FLAT, _FLAT, _TIMED, _INT, _INT, _INT,
    ),
    **_compiled,
)  # fmt: skip
def backward(
    u, delta, A, B, C, D, bias, z, flags, reverse, every, splits, kept, dy, dlast,
    du, ddelta, dA, dB, dC, dD, dbias, dz, part, begin, end,
):  # fmt: skip
    """Units ``begin`` to ``end`` of all B * G * splits, as in ``forward``.

    dlast: gradient of the last states (B, D, N). dA (parts, G * blocks, N in fours * 16), dD and dbias
    (parts, G * blocks, 16), all flat, are added to at ``part``; dB, dC (splits, B, G, L, N) are written.
    """
    has_softplus, has_gate = flags[0], flags[1]
    length, groups, states = u.shape[1], B.shape[1], B.shape[3]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    width_of_group, row = u.shape[2] // groups, fours * LANES
    blocks, chunks = (width_of_group + LANES - 1) // LANES, (length + every - 1) // every
    raw, sizes, x, gains, slopes, gate, out, dgains = np.empty((8, every * LANES), np.float32)
    b_, c_ = np.empty((2, every * fours), np.float32)
    h = np.empty(row, np.float32)
    hs = np.empty((every + 1) * row, np.float32)
    decays, dinto, dout = np.empty((3, every * row), np.float32)
    rates, dh = np.empty((2, blocks * row), np.float32)
    skip, offset = np.empty((2, LANES), np.float32)
    for unit in range(begin, end):
        b, g, split = unit // (groups * splits), (unit // splits) % groups, unit % splits
        turn = -1 if reverse[g] else 1
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        for block in range(low, high):
            channel, width = g * width_of_group + block * LANES, min(LANES, width_of_group - block * LANES)
            read_states(A, channel, width, ONE, rates, block * row, fours)
            read_states(dlast[b], channel, width, ONE, dh, block * row, fours)
        for c in range(chunks - 1, -1, -1):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse[g] else c * every
            read_projection(B[b, g], first, turn, steps, b_)
            read_projection(C[b, g], first, turn, steps, c_)
            clear(dinto, steps * row)
            clear(dout, steps * row)
            for block in range(low, high):
                channel, width = (
                    g * width_of_group + block * LANES,
                    min(LANES, width_of_group - block * LANES),
                )
                own = (part * groups + g) * blocks + block
                read_row(D, channel, width, skip, 0)
                read_row(bias, channel, width, offset, 0)
                read_tile(delta, b, first, turn, steps, channel, width, raw, 0)
                read_tile(u, b, first, turn, steps, channel, width, x, 0)
                read_tile(dy, b, first, turn, steps, channel, width, slopes, 0)
                step_sizes(raw, load(offset, 0), has_softplus, steps, sizes, 0)
                position = (((b * groups + g) * blocks + block) * chunks + c) * row
                copy(kept, position, h, 0, row)
                gains_of(sizes, x, load(skip, 0), steps, gains, out, 0)
                soon, beside = place_of_next(block, low, high, channel, first, -turn * every)
                _chunk_again(
                    block * row,
                    fours,
                    sizes,
                    gains,
                    rates,
                    b_,
                    steps,
                    h,
                    hs,
                    decays,
                    delta,
                    u,
                    dy,
                    b,
                    turn,
                    soon,
                    beside,
                )
                if has_gate:
                    read_tile(z, b, first, turn, steps, channel, width, gate, 0)
                    _outputs(hs, c_, steps, fours, out)
                    gate_slopes(gate, out, steps, slopes, 0)
                    write_tile(gate, 0, dz, b, first, turn, steps, channel, width)
                clear(out, steps * LANES)
                clear(dgains, steps * LANES)
                _chunk_back(
                    block * row, fours, slopes, sizes, gains, rates, b_, c_, steps, hs, decays,
                    dh, dA, own * row, dinto, dout, dgains, out,
                    du, ddelta, b, turn, first, channel,
                )  # fmt: skip
                skips = input_slopes(slopes, sizes, x, load(skip, 0), steps, dgains, out, 0)
                add_to(dD, own * LANES, skips)
                write_tile(x, 0, du, b, first, turn, steps, channel, width)
                biases = step_slopes(raw, load(offset, 0), has_softplus, steps, out, 0)
                add_to(dbias, own * LANES, biases)
                write_tile(out, 0, ddelta, b, first, turn, steps, channel, width)
            sum_lanes(dinto, 1, 0, first, turn, steps, dB[split, b, g])
            sum_lanes(dout, 1, 0, first, turn, steps, dC[split, b, g])
