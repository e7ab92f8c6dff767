"""Steps of the selective scan through one chunk of a block, forward, again and back; words as in numba_selective.

The lines of a tile lie too far apart in memory for the processor to guess which comes next, and waiting for them would
take a tenth of a long scan's time. So the loops over a tile's steps ask for the lines of the next tile, and for those
that will be written (unless past the caches), once a tile: in the pass of the first four states. There are as many
lines as steps: a step of 16 channels each, or 16 steps of a channel (``channel_bits`` as in numba_tiles).
"""

from __future__ import annotations

from numba import njit

from affectssm.ssm.numba_memory import load, spread, store
from affectssm.ssm.numba_states import FOUR, INTO, LOG2_E, READ_OUT, load4, projections_of, store4
from affectssm.ssm.numba_tiles import (
    DGAIN,
    DSIZE,
    GAIN,
    OUT,
    SIZE,
    SLOPE,
    STEP,
    fetch_line,
    fetch_line_to_write,
)
from affectssm.ssm.numba_vectors import LANES, exp2, fma, splat

# Of four states at a step: what they were before it, and what is left of them
BEFORE, DECAY = 0, FOUR * LANES


@njit(nogil=True, cache=True)
def chunk(
    own, fours, tile, rates, projections, steps, h,
    delta, u, target, streams, channel_bits, place, next_place,
):  # fmt: skip
    """Add the states' outputs to those of the tile; h (blocks, N, 16) goes on, from position ``own``.

    rates (blocks, N, 16) are in powers of two.
    """
    for n in range(0, fours, FOUR):
        at = own + n * LANES
        r0, r1, r2, r3 = load4(rates, at)
        h0, h1, h2, h3 = load4(h, at)
        for i in range(steps):
            if n == 0:
                fetch_line(delta, next_place, i, channel_bits)
                fetch_line(u, next_place, i, channel_bits)
                if not streams:
                    fetch_line_to_write(target, place, i, channel_bits)
            j, k = i * STEP, projections_of(n, i, steps)
            size, gain, summed = load(tile, j + SIZE), load(tile, j + GAIN), load(tile, j + OUT)
            h0 = fma(exp2(size * r0), h0, gain * spread(projections, k + INTO))
            h1 = fma(exp2(size * r1), h1, gain * spread(projections, k + INTO + 1))
            h2 = fma(exp2(size * r2), h2, gain * spread(projections, k + INTO + 2))
            h3 = fma(exp2(size * r3), h3, gain * spread(projections, k + INTO + 3))
            k = k + READ_OUT
            summed = fma(h1, spread(projections, k + 1), fma(h0, spread(projections, k), summed))
            summed = fma(h3, spread(projections, k + 3), fma(h2, spread(projections, k + 2), summed))
            store(tile, j + OUT, summed)
        store4(h, at, h0, h1, h2, h3)


@njit(nogil=True, cache=True)
def chunk_again(
    own, fours, tile, rates, projections, steps, h, states,
    delta, u, dy, channel_bits, next_place,
):  # fmt: skip
    """All states and decays of a chunk, (N / 4, steps, 2, 4, 16), from its first states h (N, 16), which go on."""
    for n in range(0, fours, FOUR):
        at, r = n * LANES, own + n * LANES
        r0, r1, r2, r3 = load4(rates, r)
        h0, h1, h2, h3 = load4(h, at)
        for i in range(steps):
            if n == 0:
                fetch_line(delta, next_place, i, channel_bits)
                fetch_line(u, next_place, i, channel_bits)
                fetch_line(dy, next_place, i, channel_bits)
            j, k = i * STEP, projections_of(n, i, steps)
            s = k * LANES
            size, gain = load(tile, j + SIZE) * splat(LOG2_E), load(tile, j + GAIN)
            store4(states, s + BEFORE, h0, h1, h2, h3)
            a0, a1, a2, a3 = exp2(size * r0), exp2(size * r1), exp2(size * r2), exp2(size * r3)
            store4(states, s + DECAY, a0, a1, a2, a3)
            h0 = fma(a0, h0, gain * spread(projections, k + INTO))
            h1 = fma(a1, h1, gain * spread(projections, k + INTO + 1))
            h2 = fma(a2, h2, gain * spread(projections, k + INTO + 2))
            h3 = fma(a3, h3, gain * spread(projections, k + INTO + 3))
        store4(h, at, h0, h1, h2, h3)


@njit(nogil=True, cache=True)
def outputs(states, projections, steps, fours, tile):
    """Add the outputs of known states to those of the tile."""
    for n in range(0, fours, FOUR):
        for i in range(steps):
            j, k = i * STEP, projections_of(n, i, steps)
            gain, summed = load(tile, j + GAIN), load(tile, j + OUT)
            for one in range(FOUR):
                s = (k + one) * LANES
                state = fma(
                    load(states, s + DECAY),
                    load(states, s + BEFORE),
                    gain * spread(projections, k + INTO + one),
                )
                summed = fma(state, spread(projections, k + READ_OUT + one), summed)
            store(tile, j + OUT, summed)


@njit(nogil=True, cache=True)
def _back(outer, size, gain, rate, projections, k, states, s, after, dh, drate, dgain, dsize, dprojections):
    """Back through one state's step, from ``after`` to the state before, which is returned first."""
    into, before, out = spread(projections, k + INTO), load(states, s + BEFORE), s + READ_OUT * LANES
    slope = fma(outer, spread(projections, k + READ_OUT), dh)
    store(dprojections, out, fma(outer, after, load(dprojections, out)))
    store(dprojections, s, fma(slope, gain, load(dprojections, s)))
    dgain = fma(slope, into, dgain)
    dh = slope * load(states, s + DECAY)
    slope = dh * before
    return before, dh, fma(slope, size, drate), dgain, fma(slope, rate, dsize)


@njit(nogil=True, cache=True)
def chunk_back(
    at_block, fours, tile, rates, projections, steps, h, states,
    dh, drates, own, dprojections, du, ddelta, streams, channel_bits, place,
):  # fmt: skip
    """Back through a chunk; dh goes on, all other gradients are added to, the rates' from position ``own`` on."""
    for n in range(0, fours, FOUR):
        at = at_block + n * LANES
        r0, r1, r2, r3 = load4(rates, at)
        d0, d1, d2, d3 = load4(dh, at)
        r = own + n * LANES
        e0, e1, e2, e3 = load4(drates, r)
        s = n * LANES
        h0, h1, h2, h3 = load4(h, s)
        for i in range(steps - 1, -1, -1):
            if n == 0 and not streams:
                fetch_line_to_write(du, place, i, channel_bits)
                fetch_line_to_write(ddelta, place, i, channel_bits)
            j, k = i * STEP, projections_of(n, i, steps)
            s = k * LANES
            outer, size, gain = load(tile, j + SLOPE), load(tile, j + SIZE), load(tile, j + GAIN)
            dg, ds = load(tile, j + DGAIN), load(tile, j + DSIZE)
            h0, d0, e0, dg, ds = _back(
                outer, size, gain, r0, projections, k, states, s, h0, d0, e0, dg, ds, dprojections
            )
            h1, d1, e1, dg, ds = _back(
                outer, size, gain, r1, projections, k + 1, states, s + 16, h1, d1, e1, dg, ds, dprojections
            )
            h2, d2, e2, dg, ds = _back(
                outer, size, gain, r2, projections, k + 2, states, s + 32, h2, d2, e2, dg, ds, dprojections
            )
            h3, d3, e3, dg, ds = _back(
                outer, size, gain, r3, projections, k + 3, states, s + 48, h3, d3, e3, dg, ds, dprojections
            )
            store(tile, j + DGAIN, dg)
            store(tile, j + DSIZE, ds)
        store4(dh, at, d0, d1, d2, d3)
        store4(drates, r, e0, e1, e2, e3)
