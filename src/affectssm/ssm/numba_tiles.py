"""What the numba kernels of both scans share: tiles of 16 channels, step sizes, the gate.

A *block* is 16 neighbouring channels, one a lane; the last one may be partly empty. A *chunk* is a number of
steps. A *tile* is a block of a chunk, (steps, 16) and flat. Arrays have time before channels and free strides;
where channels are neighbours in memory, 16 of them are read at once. ``first`` is the time of a chunk's first step
and ``turn`` is 1, or -1 where time runs backwards.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectssm.ssm.numba_vectors import (
    LANES,
    fma,
    load,
    load3,
    pick,
    put,
    sigmoid,
    softplus,
    splat,
    store,
    store3,
    total,
)

FOUR = 4  # states that are worked on together, so that theirs and the gradients' running values stay in registers
LOG2_E = np.float32(1.4426950408889634)
ZERO, ONE = np.float32(0), np.float32(1)
_ITEM = np.dtype(np.float32).itemsize


@njit(nogil=True, cache=True)
def read_tile(source, b, first, turn, steps, channel, width, tile):
    """Steps of a block, (B, L, D) -> tile (steps, 16); empty lanes are zero."""
    if width == LANES and source.strides[2] == _ITEM:
        for i in range(steps):
            store(tile, i * LANES, load3(source, b, first + turn * i, channel))
        return
    for i in range(steps):
        for lane in range(LANES):
            tile[i * LANES + lane] = source[b, first + turn * i, channel + lane] if lane < width else ZERO


@njit(nogil=True, cache=True)
def write_tile(tile, target, b, first, turn, steps, channel, width):
    """The other way round; empty lanes are left out."""
    if width == LANES and target.strides[2] == _ITEM:
        for i in range(steps):
            store3(target, b, first + turn * i, channel, load(tile, i * LANES))
        return
    for i in range(steps):
        for lane in range(width):
            target[b, first + turn * i, channel + lane] = tile[i * LANES + lane]


@njit(nogil=True, cache=True)
def place_of_next(block, low, high, channel, first, steps):
    """Time of the first step and channel of the tile after a block's; ``steps`` lead to the next chunk."""
    if block + 1 < high:
        return first, channel + LANES
    return first + steps, channel - (block - low) * LANES


@njit(nogil=True, cache=True)
def clear(values, end):
    """The first ``end`` of flat values become zero; ``end`` is a multiple of 16."""
    for i in range(0, end, LANES):
        store(values, i, splat(ZERO))


@njit(nogil=True, cache=True)
def copy(source, first, target):
    """Flat values from position ``first`` on -> target, a multiple of 16."""
    for i in range(0, len(target), LANES):
        store(target, i, load(source, first + i))


@njit(nogil=True, cache=True)
def read_states(source, channel, width, scale, tile):
    """scale * numbers a channel and state, (D, N) -> tile (N in fours, 16), zeros where none is."""
    tile[:] = ZERO
    for n in range(source.shape[1]):
        for lane in range(width):
            tile[n * LANES + lane] = scale * source[channel + lane, n]


@njit(nogil=True, cache=True)
def write_states(tile, target, channel, width):
    """The other way round."""
    for n in range(target.shape[1]):
        for lane in range(width):
            target[channel + lane, n] = tile[n * LANES + lane]


@njit(nogil=True, cache=True)
def read_projection(source, first, turn, steps, target):
    """An input or output projection (L, N) in the order of the steps -> (steps, N in fours), zeros where none is."""
    states = source.shape[1]
    fours = FOUR * ((states + FOUR - 1) // FOUR)
    for i in range(steps):
        for n in range(states):
            put(target, i * fours + n, pick(source, first + turn * i, n))
        for n in range(states, fours):
            put(target, i * fours + n, ZERO)


@njit(nogil=True, cache=True)
def read_row(values, channel, width, tile):
    """A number a channel, (D,) -> tile (16,)."""
    for lane in range(LANES):
        tile[lane] = values[channel + lane] if lane < width else ZERO


@njit(nogil=True, cache=True)
def step_sizes(raw, offset, has_softplus, steps, sizes):
    """Step sizes of a tile: the bias (16,) added, and softplus."""
    bias = load(offset, 0)
    for i in range(steps):
        size = load(raw, i * LANES) + bias
        store(sizes, i * LANES, softplus(size) if has_softplus else size)


@njit(nogil=True, cache=True)
def step_slopes(raw, offset, has_softplus, steps, slopes):
    """Slopes of the step sizes become those of the tile they were made of; returns their sum, that of the bias."""
    bias, summed = load(offset, 0), splat(ZERO)
    for i in range(steps):
        slope = load(slopes, i * LANES)
        if has_softplus:
            slope = slope * sigmoid(load(raw, i * LANES) + bias)
            store(slopes, i * LANES, slope)
        summed = summed + slope
    return summed


@njit(nogil=True, cache=True)
def open_gate(gate, steps, out):
    """Multiply a tile of outputs by silu(gate), in place."""
    for i in range(steps):
        value = load(gate, i * LANES)
        store(out, i * LANES, load(out, i * LANES) * value * sigmoid(value))


@njit(nogil=True, cache=True)
def gate_slopes(gate, out, steps, slopes):
    """Gradients behind the gate: gate becomes its gradient, slopes of the gated outputs those of ``out``, in place."""
    one = splat(ONE)
    for i in range(steps):
        value, slope = load(gate, i * LANES), load(slopes, i * LANES)
        opened = sigmoid(value)
        store(gate, i * LANES, slope * load(out, i * LANES) * opened * fma(value, one - opened, one))
        store(slopes, i * LANES, slope * value * opened)


@njit(nogil=True, cache=True)
def add_to(target, values):
    """target += values, both flat."""
    for i in range(0, len(values), LANES):
        store(target, i, load(target, i) + load(values, i))


@njit(nogil=True, cache=True)
def gains_of(sizes, x, skip, steps, gains, y):
    """What the input adds to a state, before its projection, and what it adds to the output."""
    for i in range(0, steps * LANES, LANES):
        value = load(x, i)
        store(gains, i, load(sizes, i) * value)
        store(y, i, load(skip, 0) * value)


@njit(nogil=True, cache=True)
def input_slopes(slopes, sizes, x, skip, steps, dgains, dsizes, dskip):
    """From the gradients of the gains: x becomes its gradient; step sizes and skip are added to."""
    summed = load(dskip, 0)
    for i in range(0, steps * LANES, LANES):
        outer, size, value, dgain = load(slopes, i), load(sizes, i), load(x, i), load(dgains, i)
        summed = fma(outer, value, summed)
        store(dsizes, i, fma(dgain, value, load(dsizes, i)))
        store(x, i, fma(dgain, size, outer * load(skip, 0)))
    store(dskip, 0, summed)


@njit(nogil=True, cache=True)
def sum_lanes(tiles, modalities, m, first, turn, steps, target):
    """Modality m of (fours, steps, M, 4, 16) -> target (L, N) at the times of the steps, summed over the lanes."""
    for i in range(steps):
        for n in range(target.shape[1]):
            at = (((n - n % FOUR) * steps + i * FOUR) * modalities + m * FOUR + n % FOUR) * LANES
            target[first + turn * i, n] = total(load(tiles, at))
