"""Numba kernels of the depthwise convolution with SiLU, forward and backward.

Letters: L steps, E channels, M modalities, K directions, W taps; rows are the modalities' batches. Signals have time
before channels, x (rows, L, E) and u (rows, L, K * E), E at least 16. Kernels come as (W + 1, M, K, E filled up to
whole blocks of 16), flat, the bias last.

Forward goes by the step, through all channels; the last 16 overlap with those before where E is no multiple of 16.
Backward a block of 16 channels is copied to tiles (L, 16) of flat memory and worked on there: its steps lie thousands
of bytes apart, and the first-level cache holds few lines at such distances.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types

from affectssm.ssm.numba_memory import load, load3, store, store3
from affectssm.ssm.numba_states import ONE, ZERO, clear
from affectssm.ssm.numba_vectors import LANES, fma, sigmoid, splat

_FLAT, _TIMED, _INT = types.float32[::1], types.float32[:, :, :], types.intp
_SIZES = (_INT, _INT, _INT)
STRETCH = 32  # steps of a unit of work
_compiled = {"nogil": True, "cache": True}


@njit(**_compiled)
def _gather(source, row, channel, width, tile):
    """Copy a block, -> (L, 16), zero where no channel is."""
    if width == LANES:
        for t in range(source.shape[1]):
            store(tile, t * LANES, load3(source, row, t, channel))
        return
    for t in range(source.shape[1]):
        for lane in range(LANES):
            tile[t * LANES + lane] = source[row, t, channel + lane] if lane < width else ZERO


@njit(**_compiled)
def _scatter(tile, target, row, channel, width):
    """The other way round."""
    if width == LANES:
        for t in range(target.shape[1]):
            store3(target, row, t, channel, load(tile, t * LANES))
        return
    for t in range(target.shape[1]):
        for lane in range(width):
            target[row, t, channel + lane] = tile[t * LANES + lane]


@njit(**_compiled)
def _convolve(x, length, kernels, own, tap, taps, turn, y):
    """A tile in one direction, before SiLU. Kernels lie ``tap`` apart; the last but the bias meets the step itself."""
    for t in range(length):
        met = min(taps, t + 1 if turn < 0 else length - t)
        value = load(kernels, own + taps * tap)
        for lag in range(met):
            seen = load(x, (t + turn * lag) * LANES)
            value = fma(seen, load(kernels, own + (taps - 1 - lag) * tap), value)
        store(y, t * LANES, value)


@njit(types.void(_TIMED, _FLAT, *_SIZES, _TIMED, _INT, _INT), **_compiled)
def forward(x, kernels, modalities, directions, taps, u, begin, end):
    """Units ``begin`` to ``end`` of all rows * stretches."""
    length, channels = x.shape[1], x.shape[2]
    stretches, blocks = (length + STRETCH - 1) // STRETCH, (channels + LANES - 1) // LANES
    filled = blocks * LANES
    tap = modalities * directions * filled
    for unit in range(begin, end):
        row, first = unit // stretches, unit % stretches * STRETCH
        m = row // (len(x) // modalities)
        for t in range(first, min(first + STRETCH, length)):
            for k in range(directions):
                turn, met = (-1, min(taps, t + 1)) if k == 0 else (1, min(taps, length - t))
                for block in range(blocks):
                    channel = min(block * LANES, channels - LANES)
                    own = (m * directions + k) * filled + channel
                    value = load(kernels, own + taps * tap)
                    for lag in range(met):
                        seen = load3(x, row, t + turn * lag, channel)
                        value = fma(seen, load(kernels, own + (taps - 1 - lag) * tap), value)
                    store3(u, row, t, k * channels + channel, value * sigmoid(value))


@njit(**_compiled)
def _back(x, length, kernels, own, tap, taps, turn, slopes, dx, dkernels, at):
    """Back through a tile's convolution in one direction; all gradients are added to."""
    biases = splat(ZERO)
    for i in range(0, length * LANES, LANES):
        biases = biases + load(slopes, i)
    store(dkernels, at + taps * tap, load(dkernels, at + taps * tap) + biases)
    for lag in range(min(taps, length)):
        which = (taps - 1 - lag) * tap
        kernel, found = load(kernels, own + which), load(dkernels, at + which)
        for t in range(length - lag):
            early, late = t * LANES, (t + lag) * LANES
            here, there = (late, early) if turn < 0 else (early, late)
            slope = load(slopes, here)
            found = fma(slope, load(x, there), found)
            store(dx, there, fma(slope, kernel, load(dx, there)))
        store(dkernels, at + which, found)


@njit(types.void(_TIMED, _FLAT, *_SIZES, _TIMED, _TIMED, _FLAT, _INT, _INT, _INT), **_compiled)
def backward(x, kernels, modalities, directions, taps, du, dx, dkernels, part, begin, end):
    """Units ``begin`` to ``end`` of all rows * blocks; dkernels (parts, as kernels) are added to at ``part``."""
    length, channels = x.shape[1], x.shape[2]
    blocks = (channels + LANES - 1) // LANES
    filled = blocks * LANES
    tap = modalities * directions * filled
    seen, made, slopes, dseen = np.empty((4, length * LANES), np.float32)
    for unit in range(begin, end):
        row, channel = unit // blocks, unit % blocks * LANES
        m, width = row // (len(x) // modalities), min(LANES, channels - channel)
        _gather(x, row, channel, width, seen)
        clear(dseen, length * LANES)
        for k in range(directions):
            own, turn = (m * directions + k) * filled + channel, 2 * k - 1
            _convolve(seen, length, kernels, own, tap, taps, turn, made)
            _gather(du, row, k * channels + channel, width, slopes)
            for i in range(0, length * LANES, LANES):
                value = load(made, i)
                opened = sigmoid(value)
                rise = opened * fma(value, splat(ONE) - opened, splat(ONE))
                store(slopes, i, load(slopes, i) * rise)
            at = part * (taps + 1) * tap + own
            _back(seen, length, kernels, own, tap, taps, turn, slopes, dseen, dkernels, at)
        _scatter(dseen, dx, row, channel, width)
