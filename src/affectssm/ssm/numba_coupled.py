"""Numba kernels of the coupled scan; words as in numba_tiles.

M modalities lie one after the other along the first axis: u, delta, z, y (M * B, L, D), A (M * D, N), B and C
(M * B, L, N). What enters a modality's transition in place of its own previous state is p: with one *pool* (mean and
sum), ``scale`` times the sum of all states, the same p for every modality; with M pools, the sum of all states with the
modality's row of ``weights`` (mix). One pass carries the pools and gives every modality's output; they are also all
that is kept, at the beginning of every chunk. Tiles of several modalities are flat: modality m's begins at m times its
length. Modalities without coupling are selective scans side by side (numba_selective).

A chunk holds fewer steps the more modalities there are, down to ``numba_units.MIN_CHUNK``.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from affectssm.ssm.numba_coupled_chunk import chunk, chunk_again, chunk_back, outputs
from affectssm.ssm.numba_memory import fence, load
from affectssm.ssm.numba_mixed_chunk import mixed_chunk, mixed_chunk_again, mixed_chunk_back
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
    of_modality,
    place_of_next,
    read_inputs,
    read_slopes,
    write_gradients,
    write_outputs,
)
from affectssm.ssm.numba_vectors import LANES

_FLAT, _ROWS, _TIMED = types.float32[::1], types.float32[:, :], types.float32[:, :, :]
_PARTIAL = types.float32[:, :, :, :]
_FLAGS, _INT = types.boolean[::1], types.intp
_INPUTS = (
    _TIMED, _TIMED, _ROWS, _TIMED, _TIMED, _FLAT, _FLAT, _TIMED, _FLAGS, types.float32, _FLAT,
    _INT, _INT, _INT,
)  # fmt: skip
_compiled = {"nogil": True, "cache": True}


@njit(**_compiled)
def _read_projections(B, C, modalities, b, first, turn, steps, fours, target):
    """Input and readout projections (M * B, L, N) in the order of the steps -> (M, N / 4, steps, 2, 4)."""
    for m in range(modalities):
        own, at = m * (len(B) // modalities) + b, 2 * m * steps * fours
        read_projection(B[own], first, turn, steps, target[at:], INTO)
        read_projection(C[own], first, turn, steps, target[at:], READ_OUT)


@njit(**_compiled)
def _read_inputs(delta, u, D, bias, batch, place, has_softplus, tiles, skip, offset, spare):
    """The tiles of all modalities that both directions begin with."""
    modalities, channels = len(skip) // LANES, u.shape[2]
    _, _, _, _, channel, width = place
    for m in range(modalities):
        at, row = m * (len(tiles) // modalities), m * LANES
        read_row(D, m * channels + channel, width, skip, row)
        read_row(bias, m * channels + channel, width, offset, row)
        own = of_modality(place, m, batch)
        read_inputs(delta, u, own, load(offset, row), load(skip, row), has_softplus, tiles, at, spare)


@njit(**_compiled)
def _write_outputs(z, has_gate, batch, place, ends, tiles, h, y, last, streams, spare):
    """The outputs of a chunk, and where the scan ``ends`` the states h (M, N in fours, 16), of all modalities."""
    modalities = len(y) // batch
    for m in range(modalities):
        own = of_modality(place, m, batch)
        write_outputs(tiles, m * (len(tiles) // modalities), z, has_gate, y, own, streams, spare)
        if ends:
            row_of_m, _, _, _, channel, width = own
            write_states(h, m * (len(h) // modalities), last[row_of_m], channel, width)


@njit(**_compiled)
def _read_slopes(
    dy, dlast, z, dz, has_gate, batch, place, ends,
    tiles, last, projections, ps, pools, decays, streams, spare,
):  # fmt: skip
    """What the way back begins with: the outputs' gradients, without the gate, and the states' where the scan ends."""
    modalities = len(dy) // batch
    for m in range(modalities):
        at, row = m * (len(tiles) // modalities), len(last) // modalities
        own = of_modality(place, m, batch)
        row_of_m, _, _, steps, channel, width = own
        if ends:
            read_states(dlast[row_of_m], channel, width, ONE, last, m * row, row // LANES)
        read_slopes(dy, own, tiles, at, spare)
        if has_gate:
            outputs(projections, ps, pools, decays, modalities, m, steps, row // LANES, tiles, at)
            gate_gradients(tiles, at, z, dz, own, streams, spare)
        clear_gradients(tiles, at, steps)


@njit(**_compiled)
def _write_gradients(
    delta, u, batch, place, has_softplus,
    tiles, skip, offset, du, ddelta, dD, dbias, own, streams, spare,
):  # fmt: skip
    """The gradients of a chunk's inputs; those of skip and bias are added to, the latter (..., M, 16) at ``own``."""
    modalities = len(u) // batch
    for m in range(modalities):
        at, sums_at = m * (len(tiles) // modalities), (own * modalities + m) * LANES
        own_place = of_modality(place, m, batch)
        skips, biases = write_gradients(
            tiles, at, delta, u, own_place, load(offset, m * LANES), load(skip, m * LANES), has_softplus,
            du, ddelta, streams, spare,
        )  # fmt: skip
        add_to(dD, sums_at, skips)
        add_to(dbias, sums_at, biases)


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
    u, delta, A, B, C, D, bias, z, flags, scale, weights, modalities, every, splits,
    y, last, kept, broken, begin, end,
):  # fmt: skip
    """Units ``begin`` to ``end`` of all B * splits: outputs y, last states (M * B, D, N), kept p.

    A unit is a part of the blocks. flags: softplus, gate z, outputs past the caches, reverse, M pools, keep p,
    guard the states. kept: (B, blocks, chunks, pools, N in fours, 16), flat. broken (B * splits,) becomes the first
    step after which a guarded state is not finite; one pool alone is guarded.
    """
    has_softplus, has_gate, streams = flags[0], flags[1], flags[2]
    reverse, mixed, keep, guard = flags[3], flags[4], flags[5], flags[6]
    batch, length, channels, states = len(u) // modalities, u.shape[1], u.shape[2], A.shape[1]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    row, tile = fours * LANES, every * STEP
    channel_bits = channel_bits_of(u)
    blocks, chunks = (channels + LANES - 1) // LANES, (length + every - 1) // every
    turn = -1 if reverse else 1
    tiles = np.empty(modalities * tile, np.float32)
    spare = np.empty((2, 1, every, LANES), np.float32)
    projections = np.empty(2 * modalities * every * fours, np.float32)
    pools = modalities if mixed else 1
    pool = pools * row
    rates, p = np.empty(blocks * modalities * row, np.float32), np.empty(blocks * pool, np.float32)
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
            _read_projections(B, C, modalities, b, first, turn, steps, fours, projections)
            for block in range(low, high):
                channel, width = block * LANES, min(LANES, channels - block * LANES)
                if keep:
                    position = ((b * blocks + block) * chunks + c) * pool
                    copy(p, block * pool, kept, position, pool)
                place = b, first, turn, steps, channel, width
                _read_inputs(delta, u, D, bias, batch, place, has_softplus, tiles, skip, offset, spare)
                next_place = place_of_next(place, block, low, high, turn * steps)
                good = steps
                if not mixed:
                    good = chunk(
                        block, modalities, row, tiles, rates, projections, scale, steps, c == chunks - 1, guard,
                        p, h, delta, u, y, streams, channel_bits, batch, place, next_place,
                    )  # fmt: skip
                else:
                    mixed_chunk(
                        block, modalities, row, tiles, rates, projections, weights, steps,
                        p, h, delta, u, y, streams, channel_bits, batch, place, next_place,
                    )  # fmt: skip
                if good < steps:
                    broken[unit] = min(broken[unit], c * every + good)
                _write_outputs(z, has_gate, batch, place, c == chunks - 1, tiles, h, y, last, streams, spare)
            if broken[unit] < length:
                break
    if streams:
        fence()


@njit(
    types.void(
        *_INPUTS, _FLAT, _TIMED, _TIMED, _TIMED, _TIMED, _FLAT, _PARTIAL, _PARTIAL, _FLAT, _FLAT, _TIMED, _FLAT,
        _INT, _INT, _INT,
    ),
    **_compiled,
)  # fmt: skip
def backward(
    u, delta, A, B, C, D, bias, z, flags, scale, weights, modalities, every, splits, kept, dy, dlast,
    du, ddelta, dA, dB, dC, dD, dbias, dz, dweights, part, begin, end,
):  # fmt: skip
    """Units ``begin`` to ``end`` of all B * splits, as in ``forward``.

    dA (parts, blocks, M * N in fours * 16), dD and dbias (parts, blocks, M * 16), dweights (parts, M * M * 16), all
    flat, are added to at ``part``; dB, dC (splits, M * B, L, N) are written.
    """
    has_softplus, has_gate, streams = flags[0], flags[1], flags[2]
    reverse, mixed = flags[3], flags[4]
    batch, length, channels, states = len(u) // modalities, u.shape[1], u.shape[2], A.shape[1]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    row, tile = fours * LANES, every * STEP
    channel_bits = channel_bits_of(u)
    blocks, chunks = (channels + LANES - 1) // LANES, (length + every - 1) // every
    turn = -1 if reverse else 1
    tiles = np.empty(modalities * tile, np.float32)
    spare = np.empty((2, 1, every, LANES), np.float32)
    projections = np.empty(2 * modalities * every * fours, np.float32)
    pools = modalities if mixed else 1
    pool = pools * row
    ps, p = np.empty(every * pool, np.float32), np.empty(pool, np.float32)
    decays = np.empty(modalities * every * row, np.float32)
    dprojections = np.empty(2 * modalities * every * row, np.float32)
    rates, dp = np.empty(blocks * modalities * row, np.float32), np.empty(blocks * pool, np.float32)
    last, h = np.empty(modalities * row, np.float32), np.empty(2 * modalities * row, np.float32)
    skip, offset = np.empty((2, modalities * LANES), np.float32)
    for unit in range(begin, end):
        b, split = unit // splits, unit % splits
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        _read_rates(A, modalities, ONE, low, high, rates, fours)
        dp[:] = ZERO
        for c in range(chunks - 1, -1, -1):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse else c * every
            _read_projections(B, C, modalities, b, first, turn, steps, fours, projections)
            clear(dprojections, 2 * modalities * steps * row)
            for block in range(low, high):
                channel, width = block * LANES, min(LANES, channels - block * LANES)
                own = part * blocks + block
                place = b, first, turn, steps, channel, width
                _read_inputs(delta, u, D, bias, batch, place, has_softplus, tiles, skip, offset, spare)
                position = ((b * blocks + block) * chunks + c) * pool
                copy(kept, position, p, 0, pool)
                next_place = place_of_next(place, block, low, high, -turn * every)
                if not mixed:
                    chunk_again(
                        block, modalities, row, tiles, rates, projections, scale, steps, p, ps, decays,
                        delta, u, dy, channel_bits, batch, next_place,
                    )  # fmt: skip
                else:
                    mixed_chunk_again(
                        block, modalities, row, tiles, rates, projections, weights, steps, p, h, ps, decays,
                        delta, u, dy, channel_bits, batch, next_place,
                    )  # fmt: skip
                _read_slopes(
                    dy, dlast, z, dz, has_gate, batch, place, c == chunks - 1,
                    tiles, last, projections, ps, pools, decays, streams, spare,
                )  # fmt: skip
                if not mixed:
                    chunk_back(
                        block, modalities, row, tiles, rates, projections, scale, steps, ps, decays,
                        last, c == chunks - 1, dp, dA, own * modalities * row, dprojections,
                        du, ddelta, streams, channel_bits, batch, place,
                    )  # fmt: skip
                else:
                    mixed_chunk_back(
                        block, modalities, row, tiles, rates, projections, weights, steps, h, ps, decays,
                        last, c == chunks - 1, dp, dA, own * modalities * row, dprojections, dweights, part,
                        du, ddelta, streams, channel_bits, batch, place,
                    )  # fmt: skip
                _write_gradients(
                    delta, u, batch, place, has_softplus,
                    tiles, skip, offset, du, ddelta, dD, dbias, own, streams, spare,
                )  # fmt: skip
            for m in range(modalities):
                at, row_of_m = 2 * m * steps * row, m * batch + b
                sum_lanes(dprojections, at, INTO, first, turn, steps, dB[split, row_of_m])
                sum_lanes(dprojections, at, READ_OUT, first, turn, steps, dC[split, row_of_m])
    if streams:
        fence()
