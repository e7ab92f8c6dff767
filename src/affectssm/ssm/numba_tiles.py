"""What the numba kernels of both scans share: tiles of 16 channels, step sizes, the gate.

A *block* is 16 neighbouring channels, one a lane; the last one may be partly empty. A *chunk* is a number of
steps. A *tile* is a block of a chunk, (steps, 16) and flat. Arrays have time before channels and free strides;
where channels are neighbours in memory, 16 of them are read at once. ``first`` is the time of a chunk's first step
and ``turn`` is 1, or -1 where time runs backwards. A tile begins at position ``at`` of its array: to hand over a slice
would count references, which takes longer than a small tile's work.
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
def read_tile(source, b, first, turn, steps, channel, width, tile, at):
    """Steps of a block, (B, L, D) -> tile (steps, 16); empty lanes are zero."""
    if width == LANES and source.strides[2] == _ITEM:
        for i in range(steps):
            store(tile, at + i * LANES, load3(source, b, first + turn * i, channel))
        return
    for i in range(steps):
        for lane in range(LANES):
            tile[at + i * LANES + lane] = (
                source[b, first + turn * i, channel + lane] if lane < width else ZERO
            )


@njit(nogil=True, cache=True)
def write_tile(tile, at, target, b, first, turn, steps, channel, width):
    """The other way round; empty lanes are left out."""
    if width == LANES and target.strides[2] == _ITEM:
        for i in range(steps):
            store3(target, b, first + turn * i, channel, load(tile, at + i * LANES))
        return
    for i in range(steps):
        for lane in range(width):
            target[b, first + turn * i, channel + lane] = tile[at + i * LANES + lane]


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
def copy(source, first, target, at, size):
    """``size`` flat values, a multiple of 16, from position ``first`` to position ``at``."""
    for i in range(0, size, LANES):
        store(target, at + i, load(source, first + i))


@njit(nogil=True, cache=True)
def read_states(source, channel, width, scale, tile, at, fours):
    """scale * numbers a channel and state, (D, N) -> tile (N in fours, 16), zeros where none is."""
    for n in range(fours):
        store(tile, at + n * LANES, splat(ZERO))
    for n in range(source.shape[1]):
        for lane in range(width):
            tile[at + n * LANES + lane] = scale * source[channel + lane, n]


@njit(nogil=True, cache=True)
def write_states(tile, at, target, channel, width):
    """The other way round."""
    for n in range(target.shape[1]):
        for lane in range(width):
            target[channel + lane, n] = tile[at + n * LANES + lane]


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
def read_row(values, channel, width, row, at):
    """A number a channel, (D,) -> row (16,)."""
    for lane in range(LANES):
        row[at + lane] = values[channel + lane] if lane < width else ZERO


@njit(nogil=True, cache=True)
def step_sizes(raw, bias, has_softplus, steps, sizes, at):
    """Step sizes of a tile: the bias, lanes, added, and softplus."""
    for i in range(at, at + steps * LANES, LANES):
        size = load(raw, i) + bias
        store(sizes, i, softplus(size) if has_softplus else size)


@njit(nogil=True, cache=True)
def step_slopes(raw, bias, has_softplus, steps, slopes, at):
    """Slopes of the step sizes become those of the tile they were made of; returns their sum, that of the bias."""
    summed = splat(ZERO)
    for i in range(at, at + steps * LANES, LANES):
        slope = load(slopes, i)
        if has_softplus:
            slope = slope * sigmoid(load(raw, i) + bias)
            store(slopes, i, slope)
        summed = summed + slope
    return summed


@njit(nogil=True, cache=True)
def open_gate(gate, steps, out, at):
    """Multiply a tile of outputs by silu(gate), in place."""
    for i in range(at, at + steps * LANES, LANES):
        value = load(gate, i)
        store(out, i, load(out, i) * value * sigmoid(value))


@njit(nogil=True, cache=True)
def gate_slopes(gate, out, steps, slopes, at):
    """Gradients behind the gate: gate becomes its gradient, slopes of the gated outputs those of ``out``, in place."""
    one = splat(ONE)
    for i in range(at, at + steps * LANES, LANES):
        value, slope = load(gate, i), load(slopes, i)
        opened = sigmoid(value)
        store(gate, i, slope * load(out, i) * opened * fma(value, one - opened, one))
        store(slopes, i, slope * value * opened)


@njit(nogil=True, cache=True)
def add_to(target, at, value):
    """Add lanes to the 16 numbers of ``target`` from position ``at`` on."""
    store(target, at, load(target, at) + value)


@njit(nogil=True, cache=True)
def gains_of(sizes, x, skip, steps, gains, y, at):
    """What the input adds to a state, before its projection, and by ``skip``, lanes, to the output."""
    for i in range(at, at + steps * LANES, LANES):
        value = load(x, i)
        store(gains, i, load(sizes, i) * value)
        store(y, i, skip * value)


@njit(nogil=True, cache=True)
def input_slopes(slopes, sizes, x, skip, steps, dgains, dsizes, at):
    """From the gradients of the gains: x becomes its gradient, dsizes are added to; returns the skip's gradient."""
    summed = splat(ZERO)
    for i in range(at, at + steps * LANES, LANES):
        outer, size, value, dgain = load(slopes, i), load(sizes, i), load(x, i), load(dgains, i)
        summed = fma(outer, value, summed)
        store(dsizes, i, fma(dgain, value, load(dsizes, i)))
        store(x, i, fma(dgain, size, outer * skip))
    return summed


@njit(nogil=True, cache=True)
def sum_lanes(tiles, modalities, m, first, turn, steps, target):
    """Modality m of (fours, steps, M, 4, 16) -> target (L, N) at the times of the steps, summed over the lanes."""
    for i in range(steps):
        for n in range(target.shape[1]):
            at = (((n - n % FOUR) * steps + i * FOUR) * modalities + m * FOUR + n % FOUR) * LANES
            target[first + turn * i, n] = total(load(tiles, at))
