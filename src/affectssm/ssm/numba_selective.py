"""Numba kernels of the selective scan, forward and backward.

Letters: B batch, L steps, D channels, N states, G groups, W = D / G channels of a group. A *block* is 16 neighbouring
channels of a group, one number a lane; the last block of a group may be partly empty. A *chunk* is ``every`` steps.

All arrays come with time before channels: u, delta, z, y (B, L, D), B and C (B, G, L, N), A (D, N). Their strides are
free; where the channels are neighbours in memory, 16 of them are read at once.

The forward pass keeps the state at the beginning of every chunk. The backward pass goes through the chunks from the
last to the first, runs each again from its kept state, and then back through it.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from affectssm.ssm.numba_vectors import (
    LANES,
    exp2,
    fma,
    load,
    load3,
    sigmoid,
    softplus,
    splat,
    store,
    store3,
    total,
)

LOG2_E = np.float32(1.4426950408889634)
_TILE, _NUMBERS = types.float32[::1], types.float32[:, :, :]
_PROJECTION = types.float32[:, :, :, :]
_FLAGS, _INT = types.boolean[::1], types.intp
_ITEM = np.dtype(np.float32).itemsize


@njit(nogil=True, cache=True)
def read_tile(source, b, first, turn, steps, channel, width, tile):
    """Steps of a block, (B, L, D) -> tile (steps, 16); empty lanes are zero."""
    if width == LANES and source.strides[2] == _ITEM:
        for i in range(steps):
            store(tile, i * LANES, load3(source, b, first + turn * i, channel))
        return
    for i in range(steps):
        t = first + turn * i
        for lane in range(width):
            tile[i * LANES + lane] = source[b, t, channel + lane]
        for lane in range(width, LANES):
            tile[i * LANES + lane] = np.float32(0)


@njit(nogil=True, cache=True)
def write_tile(tile, target, b, first, turn, steps, channel, width):
    """The other way round; empty lanes are left out."""
    if width == LANES and target.strides[2] == _ITEM:
        for i in range(steps):
            store3(target, b, first + turn * i, channel, load(tile, i * LANES))
        return
    for i in range(steps):
        t = first + turn * i
        for lane in range(width):
            target[b, t, channel + lane] = tile[i * LANES + lane]


@njit(nogil=True, cache=True)
def read_rates(A, channel, width, states, scale, tile):
    """scale * A of a block, (D, N) -> tile (N, 16)."""
    for n in range(states):
        for lane in range(LANES):
            tile[n * LANES + lane] = scale * A[channel + lane, n] if lane < width else np.float32(0)


@njit(nogil=True, cache=True)
def read_row(values, channel, width, tile):
    """Numbers a channel, (D,) -> tile (16,)."""
    for lane in range(LANES):
        tile[lane] = values[channel + lane] if lane < width else np.float32(0)


@njit(nogil=True, cache=True)
def step_sizes(dt, steps, bias, has_softplus):
    """Add the bias (16,) to a tile of step sizes and apply softplus, in place."""
    offset = load(bias, 0)
    for i in range(steps):
        size = load(dt, i * LANES) + offset
        store(dt, i * LANES, softplus(size) if has_softplus else size)


@njit(
    types.void(
        _NUMBERS, _NUMBERS, types.float32[:, :], _PROJECTION, _PROJECTION, _TILE, _TILE, _NUMBERS, _FLAGS, _FLAGS,
        _INT, _NUMBERS, _NUMBERS, _TILE, _INT, _INT,
    ),
    nogil=True, cache=True,
)  # fmt: skip
def forward(u, delta, A, B, C, D, bias, z, flags, reverse, every, y, last, kept, begin, end):
    """Blocks ``begin`` to ``end`` of all B * G * blocks: outputs y, last states (B, D, N), kept states.

    flags: softplus, gate z, keep states. kept: (B, G, blocks, chunks, N, 16), flat.
    """
    has_softplus, has_gate, keep = flags[0], flags[1], flags[2]
    length, groups, states = u.shape[1], B.shape[1], B.shape[3]
    width_of_group = u.shape[2] // groups
    blocks = (width_of_group + LANES - 1) // LANES
    chunks = (length + every - 1) // every
    dt, x = np.empty(every * LANES, np.float32), np.empty(every * LANES, np.float32)
    out, gate = np.empty(every * LANES, np.float32), np.empty(every * LANES, np.float32)
    rates, h = np.empty(states * LANES, np.float32), np.empty(states * LANES, np.float32)
    skip, offset = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for unit in range(begin, end):
        b, g, block = unit // (groups * blocks), (unit // blocks) % groups, unit % blocks
        channel = g * width_of_group + block * LANES
        width = min(LANES, width_of_group - block * LANES)
        turn = -1 if reverse[g] else 1
        read_rates(A, channel, width, states, LOG2_E, rates)
        read_row(D, channel, width, skip)
        read_row(bias, channel, width, offset)
        h[:] = 0
        for c in range(chunks):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse[g] else c * every
            if keep:
                kept[(unit * chunks + c) * states * LANES : (unit * chunks + c + 1) * states * LANES] = h
            read_tile(delta, b, first, turn, steps, channel, width, dt)
            read_tile(u, b, first, turn, steps, channel, width, x)
            step_sizes(dt, steps, offset, has_softplus)
            for i in range(steps):
                t = first + turn * i
                size, value = load(dt, i * LANES), load(x, i * LANES)
                gain = size * value
                sum_ = load(skip, 0) * value
                for n in range(states):
                    decay = exp2(size * load(rates, n * LANES))
                    state = fma(decay, load(h, n * LANES), gain * splat(B[b, g, t, n]))
                    store(h, n * LANES, state)
                    sum_ = fma(state, splat(C[b, g, t, n]), sum_)
                store(out, i * LANES, sum_)
            if has_gate:
                read_tile(z, b, first, turn, steps, channel, width, gate)
                for i in range(steps):
                    value = load(gate, i * LANES)
                    store(out, i * LANES, load(out, i * LANES) * value * sigmoid(value))
            write_tile(out, y, b, first, turn, steps, channel, width)
        for n in range(states):
            for lane in range(width):
                last[b, channel + lane, n] = h[n * LANES + lane]


@njit(
    types.void(
        _NUMBERS, _NUMBERS, types.float32[:, :], _PROJECTION, _PROJECTION, _TILE, _TILE, _NUMBERS, _FLAGS, _FLAGS,
        _INT, _TILE, _NUMBERS, _NUMBERS, _INT,
        _NUMBERS, _NUMBERS, types.float32[:, :, :, ::1], types.float32[:, :, :, :, :], types.float32[:, :, :, :, :],
        types.float32[:, :, ::1], types.float32[:, :, ::1], _NUMBERS, _INT, _INT, _INT,
    ),
    nogil=True, cache=True,
)  # fmt: skip
def backward(
    u, delta, A, B, C, D, bias, z, flags, reverse, every, kept, dy, dlast, splits,
    du, ddelta, dA, dB, dC, dD, dbias, dz, part, begin, end,
):  # fmt: skip
    """Units ``begin`` to ``end`` of all B * G * splits; a unit is a part of the blocks of a group.

    dlast: gradient of the last states (B, D, N). dA (parts, G * blocks, N, 16), dD and dbias (parts, G * blocks, 16)
    are summed up at ``part``; dB, dC (splits, B, G, L, N) are written.
    """
    has_softplus, has_gate = flags[0], flags[1]
    length, groups, states = u.shape[1], B.shape[1], B.shape[3]
    width_of_group = u.shape[2] // groups
    blocks = (width_of_group + LANES - 1) // LANES
    chunks = (length + every - 1) // every
    row = states * LANES
    raw, dt, x = np.empty(every * LANES, np.float32), np.empty(every * LANES, np.float32), np.empty(every * LANES, np.float32)
    grad, gate, dgate = np.empty(every * LANES, np.float32), np.empty(every * LANES, np.float32), np.empty(every * LANES, np.float32)
    hs, decays = np.empty((every + 1) * row, np.float32), np.empty(every * row, np.float32)
    into, out = np.empty(every * row, np.float32), np.empty(every * row, np.float32)
    rates, dh = np.empty(blocks * row, np.float32), np.empty(blocks * row, np.float32)
    drate, skip, offset = np.empty(row, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for unit in range(begin, end):
        b, g, split = unit // (groups * splits), (unit // splits) % groups, unit % splits
        turn = -1 if reverse[g] else 1
        low, high = split * blocks // splits, (split + 1) * blocks // splits
        for block in range(low, high):
            channel = g * width_of_group + block * LANES
            width = min(LANES, width_of_group - block * LANES)
            read_rates(A, channel, width, states, np.float32(1), rates[block * row :])
            read_rates(dlast[b], channel, width, states, np.float32(1), dh[block * row :])
        for c in range(chunks - 1, -1, -1):
            steps = min(every, length - c * every)
            first = length - 1 - c * every if reverse[g] else c * every
            into[: steps * row] = 0
            out[: steps * row] = 0
            for block in range(low, high):
                channel = g * width_of_group + block * LANES
                width = min(LANES, width_of_group - block * LANES)
                own = g * blocks + block
                read_row(D, channel, width, skip)
                read_row(bias, channel, width, offset)
                read_tile(delta, b, first, turn, steps, channel, width, raw)
                read_tile(u, b, first, turn, steps, channel, width, x)
                read_tile(dy, b, first, turn, steps, channel, width, grad)
                dt[: steps * LANES] = raw[: steps * LANES]
                step_sizes(dt, steps, offset, has_softplus)
                # the chunk again
                position = (((b * groups + g) * blocks + block) * chunks + c) * row
                hs[:row] = kept[position : position + row]
                for i in range(steps):
                    t = first + turn * i
                    size = load(dt, i * LANES)
                    gain = size * load(x, i * LANES)
                    scaled = size * splat(LOG2_E)
                    for n in range(states):
                        decay = exp2(scaled * load(rates, block * row + n * LANES))
                        store(decays, i * row + n * LANES, decay)
                        state = fma(decay, load(hs, i * row + n * LANES), gain * splat(B[b, g, t, n]))
                        store(hs, (i + 1) * row + n * LANES, state)
                if has_gate:
                    read_tile(z, b, first, turn, steps, channel, width, gate)
                    for i in range(steps):
                        t = first + turn * i
                        sum_ = load(skip, 0) * load(x, i * LANES)
                        for n in range(states):
                            sum_ = fma(load(hs, (i + 1) * row + n * LANES), splat(C[b, g, t, n]), sum_)
                        value, outer = load(gate, i * LANES), load(grad, i * LANES)
                        open_ = sigmoid(value)
                        slope = open_ * (splat(np.float32(1)) + value * (splat(np.float32(1)) - open_))
                        store(dgate, i * LANES, outer * sum_ * slope)
                        store(grad, i * LANES, outer * value * open_)
                    write_tile(dgate, dz, b, first, turn, steps, channel, width)
                # and back through it
                drate[:] = 0
                dskip, doffset = splat(np.float32(0)), splat(np.float32(0))
                for i in range(steps - 1, -1, -1):
                    t = first + turn * i
                    outer, size, value = load(grad, i * LANES), load(dt, i * LANES), load(x, i * LANES)
                    gain = size * value
                    dgain, dsize = splat(np.float32(0)), splat(np.float32(0))
                    for n in range(states):
                        here = i * row + n * LANES
                        slope = fma(outer, splat(C[b, g, t, n]), load(dh, block * row + n * LANES))
                        store(out, here, fma(outer, load(hs, here + row), load(out, here)))
                        store(into, here, fma(slope, gain, load(into, here)))
                        dgain = fma(slope, splat(B[b, g, t, n]), dgain)
                        slope = slope * load(decays, here)
                        store(dh, block * row + n * LANES, slope)
                        slope = slope * load(hs, here)
                        dsize = fma(slope, load(rates, block * row + n * LANES), dsize)
                        store(drate, n * LANES, fma(slope, size, load(drate, n * LANES)))
                    dsize = fma(dgain, value, dsize)
                    if has_softplus:
                        dsize = dsize * sigmoid(load(raw, i * LANES) + load(offset, 0))
                    doffset = doffset + dsize
                    dskip = fma(outer, value, dskip)
                    store(raw, i * LANES, dsize)
                    store(x, i * LANES, fma(dgain, size, outer * load(skip, 0)))
                write_tile(x, du, b, first, turn, steps, channel, width)
                write_tile(raw, ddelta, b, first, turn, steps, channel, width)
                for lane in range(LANES):
                    for n in range(states):
                        dA[part, own, n, lane] += drate[n * LANES + lane]
                store(skip, 0, dskip)
                store(offset, 0, doffset)
                for lane in range(LANES):
                    dD[part, own, lane] += skip[lane]
                    dbias[part, own, lane] += offset[lane]
            for i in range(steps):
                t = first + turn * i
                for n in range(states):
                    dB[split, b, g, t, n] = total(load(into, i * row + n * LANES))
                    dC[split, b, g, t, n] = total(load(out, i * row + n * LANES))
