"""What both scans' numba kernels share beside the signals: rates, states, projections and sums, as flat arrays.

States are worked on in fours, so that theirs and the gradients' running values stay in registers. Their number is
filled up with zeros to the next four.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectssm.ssm.numba_memory import load, pick, put, store
from affectssm.ssm.numba_vectors import LANES, splat, total

FOUR = 4
LOG2_E = np.float32(1.4426950408889634)
ZERO, ONE = np.float32(0), np.float32(1)
INTO, READ_OUT = 0, FOUR  # of four states at a step: the input's projection, and the output's


@njit(nogil=True, cache=True)
def load4(values, at):
    """Four states (4, 16) of flat values from position ``at`` on."""
    return (
        load(values, at),
        load(values, at + LANES),
        load(values, at + 2 * LANES),
        load(values, at + 3 * LANES),
    )


@njit(nogil=True, cache=True)
def store4(values, at, v0, v1, v2, v3):
    """Write four states (4, 16) into flat values from position ``at`` on."""
    store(values, at, v0)
    store(values, at + LANES, v1)
    store(values, at + 2 * LANES, v2)
    store(values, at + 3 * LANES, v3)


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
def add_to(target, at, value):
    """Add lanes to the 16 numbers of ``target`` from position ``at`` on."""
    store(target, at, load(target, at) + value)


@njit(nogil=True, cache=True)
def read_row(values, channel, width, row, at):
    """A number a channel, (D,) -> row (16,)."""
    if width == LANES:
        store(row, at, load(values, channel))
        return
    for lane in range(LANES):
        row[at + lane] = values[channel + lane] if lane < width else ZERO


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
def projections_of(n, i, steps):
    """Where the projections of four states from n, a multiple of 4, on at step i lie in (N / 4, steps, 2, 4)."""
    return 2 * (n * steps + i * FOUR)


@njit(nogil=True, cache=True)
def read_projection(source, first, turn, steps, target, which):
    """An input or readout projection (L, N) in the order of the steps -> (N / 4, steps, 2, 4), zeros where none is."""
    states = source.shape[1]
    whole = states - states % FOUR
    for i in range(steps):
        for n in range(0, whole, FOUR):
            at = projections_of(n, i, steps) + which
            for one in range(FOUR):
                put(target, at + one, pick(source, first + turn * i, n + one))
        at = projections_of(whole, i, steps) + which
        for one in range(FOUR if whole < states else 0):
            put(
                target,
                at + one,
                pick(source, first + turn * i, whole + one) if whole + one < states else ZERO,
            )


@njit(nogil=True, cache=True)
def sum_lanes(tiles, begin, which, first, turn, steps, target):
    """An array (N / 4, steps, 2, 4, 16) from ``begin`` on -> target (L, N) at the times of the steps.

    ``which`` of the two projections; summed over the lanes.
    """
    for i in range(steps):
        for n in range(target.shape[1]):
            at = begin + (projections_of(n - n % FOUR, i, steps) + which + n % FOUR) * LANES
            target[first + turn * i, n] = total(load(tiles, at))
