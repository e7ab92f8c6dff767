"""Steps of the selective scan through one chunk of a block, forward, again and back; words as in numba_selective.

The rows of a tile lie too far apart in memory for the processor to guess which comes next, and waiting for them would
take a tenth of a long scan's time. So the loops over a tile's steps ask for the rows of the next tile, and for those
that will be written, once a tile: in the pass of the first four states.
"""

from __future__ import annotations

from numba import njit

from affectssm.ssm.numba_tiles import FOUR, LOG2_E
from affectssm.ssm.numba_vectors import LANES, exp2, fetch3, fetch_to_write3, fma, load, splat, spread, store


@njit(nogil=True, cache=True)
def chunk(
    own, fours, sizes, gains, rates, into, out, steps, h, y,
    delta, u, target, b, turn, first, channel, next_first, next_channel,
):  # fmt: skip
    """Add the states' outputs to y (steps, 16); h (blocks, N, 16) goes on, from position ``own``.

    rates (blocks, N, 16) are in powers of two.
    """
    for n in range(0, fours, FOUR):
        at = own + n * LANES
        r0, r1, r2, r3 = load(rates, at), load(rates, at + 16), load(rates, at + 32), load(rates, at + 48)
        h0, h1, h2, h3 = load(h, at), load(h, at + 16), load(h, at + 32), load(h, at + 48)
        for i in range(steps):
            if n == 0:
                fetch3(delta, b, next_first + turn * i, next_channel)
                fetch3(u, b, next_first + turn * i, next_channel)
                fetch_to_write3(target, b, first + turn * i, channel)
            size, gain, summed = load(sizes, i * LANES), load(gains, i * LANES), load(y, i * LANES)
            k = i * fours + n
            h0 = fma(exp2(size * r0), h0, gain * spread(into, k))
            h1 = fma(exp2(size * r1), h1, gain * spread(into, k + 1))
            h2 = fma(exp2(size * r2), h2, gain * spread(into, k + 2))
            h3 = fma(exp2(size * r3), h3, gain * spread(into, k + 3))
            summed = fma(h1, spread(out, k + 1), fma(h0, spread(out, k), summed))
            store(y, i * LANES, fma(h3, spread(out, k + 3), fma(h2, spread(out, k + 2), summed)))
        store(h, at, h0)
        store(h, at + 16, h1)
        store(h, at + 32, h2)
        store(h, at + 48, h3)


@njit(nogil=True, cache=True)
def chunk_again(
    own, fours, sizes, gains, rates, into, steps, h, hs, decays, delta, u, dy, b, turn, next_first, next_channel
):  # fmt: skip
    """All states and decays of a chunk from its first states h: (fours, steps + 1, 4, 16) and (fours, steps, 4, 16)."""
    for n in range(0, fours, FOUR):
        at = n * LANES
        r0, r1, r2, r3 = (
            load(rates, own + at),
            load(rates, own + at + 16),
            load(rates, own + at + 32),
            load(rates, own + at + 48),
        )
        h0, h1, h2, h3 = load(h, at), load(h, at + 16), load(h, at + 32), load(h, at + 48)
        for i in range(steps):
            if n == 0:
                fetch3(delta, b, next_first + turn * i, next_channel)
                fetch3(u, b, next_first + turn * i, next_channel)
                fetch3(dy, b, next_first + turn * i, next_channel)
            size, gain = load(sizes, i * LANES) * splat(LOG2_E), load(gains, i * LANES)
            k, state, decay = (
                i * fours + n,
                (n * (steps + 1) + i * FOUR) * LANES,
                (n * steps + i * FOUR) * LANES,
            )
            store(hs, state, h0)
            store(hs, state + 16, h1)
            store(hs, state + 32, h2)
            store(hs, state + 48, h3)
            a0, a1, a2, a3 = exp2(size * r0), exp2(size * r1), exp2(size * r2), exp2(size * r3)
            store(decays, decay, a0)
            store(decays, decay + 16, a1)
            store(decays, decay + 32, a2)
            store(decays, decay + 48, a3)
            h0 = fma(a0, h0, gain * spread(into, k))
            h1 = fma(a1, h1, gain * spread(into, k + 1))
            h2 = fma(a2, h2, gain * spread(into, k + 2))
            h3 = fma(a3, h3, gain * spread(into, k + 3))
        end = (n * (steps + 1) + steps * FOUR) * LANES
        store(hs, end, h0)
        store(hs, end + 16, h1)
        store(hs, end + 32, h2)
        store(hs, end + 48, h3)


@njit(nogil=True, cache=True)
def outputs(hs, out, steps, fours, y):
    """Add the outputs of known states to y (steps, 16)."""
    for n in range(fours):
        for i in range(steps):
            state = load(hs, ((n - n % FOUR) * (steps + 1) + (i + 1) * FOUR + n % FOUR) * LANES)
            store(y, i * LANES, fma(state, spread(out, i * fours + n), load(y, i * LANES)))


@njit(nogil=True, cache=True)
def _back(outer, size, gain, rate, b, c, decay, before, after, dh, drate, dgain, dsize, dinto, dout, here):
    """Back through one state's step, from ``after`` to ``before``."""
    slope = fma(outer, c, dh)
    store(dout, here, fma(outer, after, load(dout, here)))
    store(dinto, here, fma(slope, gain, load(dinto, here)))
    dgain = fma(slope, b, dgain)
    dh = slope * decay
    slope = dh * before
    return dh, fma(slope, size, drate), dgain, fma(slope, rate, dsize)


@njit(nogil=True, cache=True)
def chunk_back(
    at_block, fours, slopes, sizes, gains, rates, into, out, steps, hs, decays,
    dh, drates, own, dinto, dout, dgains, dsizes, du, ddelta, b, turn, first, channel,
):  # fmt: skip
    """Back through a chunk; dh goes on, all other gradients are added to, the rates' from position ``own`` on."""
    for n in range(0, fours, FOUR):
        at = at_block + n * LANES
        r0, r1, r2, r3 = load(rates, at), load(rates, at + 16), load(rates, at + 32), load(rates, at + 48)
        d0, d1, d2, d3 = load(dh, at), load(dh, at + 16), load(dh, at + 32), load(dh, at + 48)
        r = own + n * LANES
        e0, e1, e2, e3 = load(drates, r), load(drates, r + 16), load(drates, r + 32), load(drates, r + 48)
        s = (n * (steps + 1) + steps * FOUR) * LANES
        h0, h1, h2, h3 = load(hs, s), load(hs, s + 16), load(hs, s + 32), load(hs, s + 48)
        for i in range(steps - 1, -1, -1):
            if n == 0:
                fetch_to_write3(du, b, first + turn * i, channel)
                fetch_to_write3(ddelta, b, first + turn * i, channel)
            outer, size, gain = load(slopes, i * LANES), load(sizes, i * LANES), load(gains, i * LANES)
            dg, ds = load(dgains, i * LANES), load(dsizes, i * LANES)
            k, s, j = i * fours + n, (n * (steps + 1) + i * FOUR) * LANES, (n * steps + i * FOUR) * LANES
            p0, p1, p2, p3 = load(hs, s), load(hs, s + 16), load(hs, s + 32), load(hs, s + 48)
            d0, e0, dg, ds = _back(
                outer, size, gain, r0, spread(into, k), spread(out, k), load(decays, j),
                p0, h0, d0, e0, dg, ds, dinto, dout, j,
            )  # fmt: skip
            d1, e1, dg, ds = _back(
                outer, size, gain, r1, spread(into, k + 1), spread(out, k + 1), load(decays, j + 16),
                p1, h1, d1, e1, dg, ds, dinto, dout, j + 16,
            )  # fmt: skip
            d2, e2, dg, ds = _back(
                outer, size, gain, r2, spread(into, k + 2), spread(out, k + 2), load(decays, j + 32),
                p2, h2, d2, e2, dg, ds, dinto, dout, j + 32,
            )  # fmt: skip
            d3, e3, dg, ds = _back(
                outer, size, gain, r3, spread(into, k + 3), spread(out, k + 3), load(decays, j + 48),
                p3, h3, d3, e3, dg, ds, dinto, dout, j + 48,
            )  # fmt: skip
            h0, h1, h2, h3 = p0, p1, p2, p3
            store(dgains, i * LANES, dg)
            store(dsizes, i * LANES, ds)
        store(dh, at, d0)
        store(dh, at + 16, d1)
        store(dh, at + 32, d2)
        store(dh, at + 48, d3)
        store(drates, r, e0)
        store(drates, r + 16, e1)
        store(drates, r + 32, e2)
        store(drates, r + 48, e3)
