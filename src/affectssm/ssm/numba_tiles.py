"""Tiles of the signals of both scans' numba kernels: how they are read and written, step sizes, the gate.

A *block* is 16 neighbouring channels, one a lane; the last one may be partly empty. A *chunk* is a number of
steps. A *tile* is a block of a chunk. Signals have time before channels and free strides; where channels are
neighbours in memory, 16 of them are read at once. Other tiles, and those of partly empty blocks, are copied to
``spare`` (2, 1, steps or more, 16) first: where steps are neighbours, 16 lines of them are transposed in registers.

A tile's ``place`` in a signal is (b, first, turn, steps, channel, width): the time of its first step, 1, or -1 where
time runs backwards, its number of steps, its first channel and how many of its lanes are channels. What a kernel
works out for a tile lies in a flat array of its own, from position ``at`` on: (steps, 5, 16), all of a step together,
so that one address leads to it. (To hand over a slice would count references, which takes longer than a small tile's
work.)
"""

from __future__ import annotations

import numpy as np
from numba import njit

from affectssm.ssm.numba_memory import (
    fetch3,
    fetch_to_write3,
    load,
    load3,
    store,
    store3,
    stream3,
    turn_in,
    turn_out,
)
from affectssm.ssm.numba_states import ONE, ZERO
from affectssm.ssm.numba_vectors import LANES, fma, sigmoid, softplus, splat

# A step of a tile: step sizes, what the input adds to a state before its projection, outputs, and the gradients of
# outputs, of gains and of step sizes. The last lie where the outputs do, which are no longer needed then.
SIZE, GAIN, OUT, SLOPE, DGAIN = 0, LANES, 2 * LANES, 3 * LANES, 4 * LANES
DSIZE, STEP = OUT, 5 * LANES
_ITEM = np.dtype(np.float32).itemsize


@njit(nogil=True, cache=True)
def _near(source, place):
    """Whether the lanes of a tile are 16 neighbours in memory."""
    return place[5] == LANES and source.strides[2] == _ITEM


@njit(nogil=True, cache=True)
def _of_copy(place):
    """The place of a tile's copy."""
    return 0, 0, 1, place[3], 0, LANES


@njit(nogil=True, cache=True)
def _whole(source, place):
    """Of how many steps all lanes are channels, and sixteen steps neighbours in memory."""
    _, _, _, steps, _, width = place
    return steps - steps % LANES if width == LANES and source.strides[1] == _ITEM else 0


@njit(nogil=True, cache=True)
def _lowest(place, i):
    """The earliest of sixteen steps from i on: its time, and its number."""
    _, first, turn, _, _, _ = place
    return (first + i, i) if turn == 1 else (first - i - (LANES - 1), i + LANES - 1)


@njit(nogil=True, cache=True)
def _gather(source, place, tile):
    """Copy a tile, -> (1, steps, 16); empty lanes are zero."""
    b, first, turn, steps, channel, width = place
    if _near(source, place):
        for i in range(steps):
            store3(tile, 0, i, 0, load3(source, b, first + turn * i, channel))
        return
    whole = _whole(source, place)
    for i in range(0, whole, LANES):
        t, row = _lowest(place, i)
        turn_in(source, b, t, channel, tile, row, turn)
    for i in range(whole, steps):
        for lane in range(LANES):
            tile[0, i, lane] = source[b, first + turn * i, channel + lane] if lane < width else ZERO


@njit(nogil=True, cache=True)
def _scatter(tile, target, place):
    """The other way round; empty lanes are left out."""
    b, first, turn, steps, channel, width = place
    if _near(target, place):
        for i in range(steps):
            store3(target, b, first + turn * i, channel, load3(tile, 0, i, 0))
        return
    whole = _whole(target, place)
    for i in range(0, whole, LANES):
        t, row = _lowest(place, i)
        turn_out(tile, row, turn, target, b, t, channel)
    for i in range(whole, steps):
        for lane in range(width):
            target[b, first + turn * i, channel + lane] = tile[0, i, lane]


@njit(nogil=True, cache=True)
def _write(target, b, t, channel, value, streams):
    """A row of a tile; ``streams``: past the caches."""
    if streams:
        stream3(target, b, t, channel, value)
    else:
        store3(target, b, t, channel, value)


@njit(nogil=True, cache=True)
def read_inputs(delta, u, place, bias, skip, has_softplus, tile, at, spare):
    """A tile's step sizes, with bias and softplus, and what the input adds to states and, by skip, to outputs.

    bias and skip are lanes.
    """
    if _near(delta, place) and _near(u, place):
        _inputs(delta, u, place, bias, skip, has_softplus, tile, at)
    else:
        _gather(delta, place, spare[0])
        _gather(u, place, spare[1])
        _inputs(spare[0], spare[1], _of_copy(place), bias, skip, has_softplus, tile, at)


@njit(nogil=True, cache=True)
def _inputs(delta, u, place, bias, skip, has_softplus, tile, at):
    b, first, turn, steps, channel, _ = place
    for i in range(steps):
        here, t = at + i * STEP, first + turn * i
        size, value = load3(delta, b, t, channel) + bias, load3(u, b, t, channel)
        if has_softplus:
            size = softplus(size)
        store(tile, here + SIZE, size)
        store(tile, here + GAIN, size * value)
        store(tile, here + OUT, skip * value)


@njit(nogil=True, cache=True)
def read_slopes(dy, place, tile, at, spare):
    """Gradients of a tile's outputs."""
    if _near(dy, place):
        _slopes(dy, place, tile, at)
    else:
        _gather(dy, place, spare[0])
        _slopes(spare[0], _of_copy(place), tile, at)


@njit(nogil=True, cache=True)
def _slopes(dy, place, tile, at):
    b, first, turn, steps, channel, _ = place
    for i in range(steps):
        store(tile, at + i * STEP + SLOPE, load3(dy, b, first + turn * i, channel))


@njit(nogil=True, cache=True)
def clear_gradients(tile, at, steps):
    """The gradients of gains and step sizes, which are added to state by state, become zero."""
    for i in range(at, at + steps * STEP, STEP):
        store(tile, i + DGAIN, splat(ZERO))
        store(tile, i + DSIZE, splat(ZERO))


@njit(nogil=True, cache=True)
def write_outputs(tile, at, z, has_gate, y, place, streams, spare):
    """The tile of outputs, multiplied by silu(z) where there is a gate."""
    if _near(y, place) and (not has_gate or _near(z, place)):
        _outputs(tile, at, z, has_gate, y, place, streams)
        return
    if has_gate:
        _gather(z, place, spare[0])
    _outputs(tile, at, spare[0], has_gate, spare[1], _of_copy(place), False)
    _scatter(spare[1], y, place)


@njit(nogil=True, cache=True)
def _outputs(tile, at, z, has_gate, y, place, streams):
    b, first, turn, steps, channel, _ = place
    for i in range(steps):
        value, t = load(tile, at + i * STEP + OUT), first + turn * i
        if has_gate:
            gate = load3(z, b, t, channel)
            value = value * gate * sigmoid(gate)
        _write(y, b, t, channel, value, streams)


@njit(nogil=True, cache=True)
def gate_gradients(tile, at, z, dz, place, streams, spare):
    """Gradients of the gated outputs become those of the outputs; the gate's are written."""
    if _near(z, place) and _near(dz, place):
        _gates(tile, at, z, dz, place, streams)
        return
    _gather(z, place, spare[0])
    _gates(tile, at, spare[0], spare[0], _of_copy(place), False)
    _scatter(spare[0], dz, place)


@njit(nogil=True, cache=True)
def _gates(tile, at, z, dz, place, streams):
    b, first, turn, steps, channel, _ = place
    for i in range(steps):
        here, t = at + i * STEP, first + turn * i
        gate, slope = load3(z, b, t, channel), load(tile, here + SLOPE)
        opened = sigmoid(gate)
        rise = opened * fma(gate, splat(ONE) - opened, splat(ONE))
        _write(dz, b, t, channel, slope * load(tile, here + OUT) * rise, streams)
        store(tile, here + SLOPE, slope * gate * opened)


@njit(nogil=True, cache=True)
def write_gradients(tile, at, delta, u, place, bias, skip, has_softplus, du, ddelta, streams, spare):
    """From the gradients of outputs, gains and step sizes to those of the inputs; returns the skip's and the bias's."""
    if _near(delta, place) and _near(u, place) and _near(du, place) and _near(ddelta, place):
        return _gradients(tile, at, delta, u, place, bias, skip, has_softplus, du, ddelta, streams)
    d, x = spare[0], spare[1]
    if has_softplus:
        _gather(delta, place, d)
    _gather(u, place, x)
    sums = _gradients(tile, at, d, x, _of_copy(place), bias, skip, has_softplus, x, d, False)
    _scatter(x, du, place)
    _scatter(d, ddelta, place)
    return sums


@njit(nogil=True, cache=True)
def _gradients(tile, at, delta, u, place, bias, skip, has_softplus, du, ddelta, streams):
    b, first, turn, steps, channel, _ = place
    skips, biases = splat(ZERO), splat(ZERO)
    for i in range(steps):
        here, t = at + i * STEP, first + turn * i
        outer, dgain, value = load(tile, here + SLOPE), load(tile, here + DGAIN), load3(u, b, t, channel)
        slope = fma(dgain, value, load(tile, here + DSIZE))
        if has_softplus:
            slope = slope * sigmoid(load3(delta, b, t, channel) + bias)
        skips, biases = fma(outer, value, skips), biases + slope
        _write(du, b, t, channel, fma(dgain, load(tile, here + SIZE), outer * skip), streams)
        _write(ddelta, b, t, channel, slope, streams)
    return skips, biases


@njit(nogil=True, cache=True)
def of_modality(place, m, batch):
    """The place of modality m's tile, from that of the first, where modality and batch are one axis."""
    b, first, turn, steps, channel, width = place
    return m * batch + b, first, turn, steps, channel, width


@njit(nogil=True, cache=True)
def place_of_next(place, block, low, high, later):
    """Where the tile after a block's begins; the next chunk is ``later`` steps later.

    Steps and width are still this tile's: the place is good for ``fetch_line`` alone.
    """
    b, first, turn, steps, channel, width = place
    if block + 1 < high:
        return b, first, turn, steps, channel + LANES, width
    return b, first + later, turn, steps, channel - (block - low) * LANES, width


@njit(nogil=True, cache=True)
def channel_bits_of(signal):
    """Which bits of a line's number mean a channel: none where a line holds 16 channels of a step.

    Where it holds 16 steps of a channel, the last four: sixteen channels come first, then the next 16 steps.
    """
    return LANES - 1 if signal.strides[1] == _ITEM and signal.strides[2] != _ITEM else 0


@njit(nogil=True, cache=True)
def _line(place, i, channel_bits):
    """Where the i-th line of the tile at a place begins."""
    b, first, turn, _, channel, _ = place
    lane = i & channel_bits
    return b, first + turn * (i - lane), channel + lane


@njit(nogil=True, cache=True)
def fetch_line(signal, place, i, channel_bits):
    """Ask for the i-th line of the tile at a place, while the kernel goes on."""
    b, t, channel = _line(place, i, channel_bits)
    fetch3(signal, b, t, channel)


@njit(nogil=True, cache=True)
def fetch_line_to_write(signal, place, i, channel_bits):
    """The same for a line that will be written."""
    b, t, channel = _line(place, i, channel_bits)
    fetch_to_write3(signal, b, t, channel)
