"""Numba kernels of the selective scan, forward and backward.

Letters: B batch, L steps, D channels, N states, G groups, W = D / G channels of a group; blocks, chunks and tiles as
in numba_tiles, where a block lies within a group. All arrays come with time before channels: u, delta, z, y
(B, L, D), B and C (B, G, L, N), A (D, N).

The forward pass keeps the state at the beginning of every chunk. The backward pass goes through the chunks from the
last to the first, runs each again from its kept state, and then back through it.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from affectssm.ssm.numba_selective_chunk import chunk, chunk_again, chunk_back, outputs
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
from affectssm.ssm.numba_vectors import LANES, load

_FLAT, _ROWS, _TIMED = types.float32[::1], types.float32[:, :], types.float32[:, :, :]
_PROJECTED, _PARTIAL = types.float32[:, :, :, :], types.float32[:, :, :, :, :]
_FLAGS, _INT = types.boolean[::1], types.intp
_INPUTS = (
    _TIMED, _TIMED, _ROWS, _PROJECTED, _PROJECTED, _FLAT, _FLAT, _TIMED, _FLAGS, _FLAGS, _INT,
)  # fmt: skip
_compiled = {"nogil": True, "cache": True}


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
                chunk(
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
                chunk_again(
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
                    outputs(hs, c_, steps, fours, out)
                    gate_slopes(gate, out, steps, slopes, 0)
                    write_tile(gate, 0, dz, b, first, turn, steps, channel, width)
                clear(out, steps * LANES)
                clear(dgains, steps * LANES)
                chunk_back(
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
