"""Numba kernels of the selective scan, forward and backward.

Letters: B batch, L steps, D channels, N states, G groups, W = D / G channels of a group; blocks, chunks and tiles as
in numba_tiles, where a block lies within a group. All arrays come with time before channels: u, delta, z, y
(B, L, D), B and C (B, G, L, N), A (D, N). M scans of different parameters may run side by side, one after the other
along the first axis: (M * B, L, D) and so on, A (M * D, N).

The forward pass keeps the state at the beginning of every chunk. The backward pass goes through the chunks from the
last to the first, runs each again from its kept state, and then back through it.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from affectssm.ssm.numba_memory import fence, load
from affectssm.ssm.numba_selective_chunk import chunk, chunk_again, chunk_back, outputs
from affectssm.ssm.numba_states import (
    FOUR,
    INTO,
    LOG2_E,
    ONE,
    READ_OUT,
    ZERO,
    add_to,
    clear,
    copy,
    read_projection,
    read_row,
    read_states,
    sum_lanes,
    write_states,
)
from affectssm.ssm.numba_tiles import (
    STEP,
    channel_bits_of,
    clear_gradients,
    gate_gradients,
    place_of_next,
    read_inputs,
    read_slopes,
    write_gradients,
    write_outputs,
)
from affectssm.ssm.numba_vectors import LANES

_FLAT, _ROWS, _TIMED = types.float32[::1], types.float32[:, :], types.float32[:, :, :]
_PROJECTED, _PARTIAL = types.float32[:, :, :, :], types.float32[:, :, :, :, :]
_FLAGS, _INT = types.boolean[::1], types.intp
_INPUTS = (
    _TIMED, _TIMED, _ROWS, _PROJECTED, _PROJECTED, _FLAT, _FLAT, _TIMED, _FLAGS, _FLAGS, _INT, _INT, _INT,
)  # fmt: skip
_compiled = {"nogil": True, "cache": True}


@njit(types.void(*_INPUTS, _TIMED, _TIMED, _FLAT, _INT, _INT), **_compiled)
def forward(u, delta, A, B, C, D, bias, z, flags, reverse, scans, every, splits, y, last, kept, begin, end):
    """Units ``begin`` to ``end`` of all M * B * G * splits: outputs y, last states (M * B, D, N), kept states.

    A unit is a part of the blocks of a group. flags: softplus, gate z, outputs past the caches, keep states.
    kept: (M * B, G, blocks, chunks, N in fours, 16), flat.
    """
    has_softplus, has_gate, streams, keep = flags[0], flags[1], flags[2], flags[3]
    length, channels, groups, states = u.shape[1], u.shape[2], B.shape[1], B.shape[3]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    width_of_group, row = channels // groups, fours * LANES
    channel_bits = channel_bits_of(u)
    blocks, chunks = (width_of_group + LANES - 1) // LANES, (length + every - 1) // every
    tile = np.empty(every * STEP, np.float32)
    spare = np.empty((2, 1, every, LANES), np.float32)
    projections = np.empty(2 * every * fours, np.float32)
    rates, h = np.empty((2, blocks * row), np.float32)
    skip, offset = np.empty((2, LANES), np.float32)
    for unit in range(begin, end):
        b, g, split = unit // (groups * splits), (unit // splits) % groups, unit % splits
        scan = b // (len(u) // scans)
        turn = -1 if reverse[g] else 1
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        for block in range(low, high):
            channel, width = g * width_of_group + block * LANES, min(LANES, width_of_group - block * LANES)
            read_states(A, scan * channels + channel, width, LOG2_E, rates, block * row, fours)
        h[:] = ZERO
        for c in range(chunks):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse[g] else c * every
            read_projection(B[b, g], first, turn, steps, projections, INTO)
            read_projection(C[b, g], first, turn, steps, projections, READ_OUT)
            for block in range(low, high):
                channel, width = (
                    g * width_of_group + block * LANES,
                    min(LANES, width_of_group - block * LANES),
                )
                if keep:
                    position = (((b * groups + g) * blocks + block) * chunks + c) * row
                    copy(h, block * row, kept, position, row)
                read_row(D, scan * channels + channel, width, skip, 0)
                read_row(bias, scan * channels + channel, width, offset, 0)
                place = b, first, turn, steps, channel, width
                read_inputs(delta, u, place, load(offset, 0), load(skip, 0), has_softplus, tile, 0, spare)
                next_place = place_of_next(place, block, low, high, turn * steps)
                chunk(
                    block * row, fours, tile, rates, projections, steps, h,
                    delta, u, y, streams, channel_bits, place, next_place,
                )  # fmt: skip
                write_outputs(tile, 0, z, has_gate, y, place, streams, spare)
        for block in range(low, high):
            channel, width = g * width_of_group + block * LANES, min(LANES, width_of_group - block * LANES)
            write_states(h, block * row, last[b], channel, width)
    if streams:
        fence()


@njit(
    types.void(
        *_INPUTS, _FLAT, _TIMED, _TIMED,
        _TIMED, _TIMED, _FLAT, _PARTIAL, _PARTIAL, _FLAT, _FLAT, _TIMED, _INT, _INT, _INT,
    ),
    **_compiled,
)  # fmt: skip
def backward(
    u, delta, A, B, C, D, bias, z, flags, reverse, scans, every, splits, kept, dy, dlast,
    du, ddelta, dA, dB, dC, dD, dbias, dz, part, begin, end,
):  # fmt: skip
    """Units ``begin`` to ``end`` of all M * B * G * splits, as in ``forward``.

    dlast: gradient of the last states (M * B, D, N). dA (parts, M * G * blocks, N in fours * 16), dD and dbias
    (parts, M * G * blocks, 16), all flat, are added to at ``part``; dB, dC (splits, M * B, G, L, N) are written.
    """
    has_softplus, has_gate, streams = flags[0], flags[1], flags[2]
    length, channels, groups, states = u.shape[1], u.shape[2], B.shape[1], B.shape[3]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    width_of_group, row = channels // groups, fours * LANES
    channel_bits = channel_bits_of(u)
    blocks, chunks = (width_of_group + LANES - 1) // LANES, (length + every - 1) // every
    tile = np.empty(every * STEP, np.float32)
    spare = np.empty((2, 1, every, LANES), np.float32)
    projections = np.empty(2 * every * fours, np.float32)
    h = np.empty(row, np.float32)
    known, dprojections = np.empty((2, 2 * every * row), np.float32)
    rates, dh = np.empty((2, blocks * row), np.float32)
    skip, offset = np.empty((2, LANES), np.float32)
    for unit in range(begin, end):
        b, g, split = unit // (groups * splits), (unit // splits) % groups, unit % splits
        scan = b // (len(u) // scans)
        turn = -1 if reverse[g] else 1
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        for block in range(low, high):
            channel, width = g * width_of_group + block * LANES, min(LANES, width_of_group - block * LANES)
            read_states(A, scan * channels + channel, width, ONE, rates, block * row, fours)
            read_states(dlast[b], channel, width, ONE, dh, block * row, fours)
        for c in range(chunks - 1, -1, -1):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse[g] else c * every
            read_projection(B[b, g], first, turn, steps, projections, INTO)
            read_projection(C[b, g], first, turn, steps, projections, READ_OUT)
            clear(dprojections, 2 * steps * row)
            for block in range(low, high):
                channel, width = (
                    g * width_of_group + block * LANES,
                    min(LANES, width_of_group - block * LANES),
                )
                own = ((part * scans + scan) * groups + g) * blocks + block
                read_row(D, scan * channels + channel, width, skip, 0)
                read_row(bias, scan * channels + channel, width, offset, 0)
                place = b, first, turn, steps, channel, width
                read_inputs(delta, u, place, load(offset, 0), load(skip, 0), has_softplus, tile, 0, spare)
                read_slopes(dy, place, tile, 0, spare)
                position = (((b * groups + g) * blocks + block) * chunks + c) * row
                copy(kept, position, h, 0, row)
                next_place = place_of_next(place, block, low, high, -turn * every)
                chunk_again(
                    block * row, fours, tile, rates, projections, steps, h, known,
                    delta, u, dy, channel_bits, next_place,
                )  # fmt: skip
                if has_gate:
                    outputs(known, projections, steps, fours, tile)
                    gate_gradients(tile, 0, z, dz, place, streams, spare)
                clear_gradients(tile, 0, steps)
                chunk_back(
                    block * row, fours, tile, rates, projections, steps, h, known,
                    dh, dA, own * row, dprojections, du, ddelta, streams, channel_bits, place,
                )  # fmt: skip
                skips, biases = write_gradients(
                    tile, 0,
                    delta, u, place, load(offset, 0), load(skip, 0), has_softplus, du, ddelta, streams, spare,
                )  # fmt: skip
                add_to(dD, own * LANES, skips)
                add_to(dbias, own * LANES, biases)
            sum_lanes(dprojections, 0, INTO, first, turn, steps, dB[split, b, g])
            sum_lanes(dprojections, 0, READ_OUT, first, turn, steps, dC[split, b, g])
    if streams:
        fence()
