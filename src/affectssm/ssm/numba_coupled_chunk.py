"""Steps of the coupled scan through one chunk of a block, forward, again and back; words as in numba_coupled.

p, the scaled sum of the states, stays in registers along a chunk, four states at a time.
"""

from __future__ import annotations

from numba import njit

from affectssm.ssm.numba_tiles import FOUR, LOG2_E, ZERO
from affectssm.ssm.numba_vectors import (
    LANES,
    exp2,
    fetch3,
    fetch_to_write3,
    fma,
    load,
    splat,
    spread,
    store,
    total,
)


@njit(nogil=True, cache=True)
def chunk(
    block, modalities, row, sizes, gains, rates, into, out, scale, steps, ends, guard, p, h, y,
    delta, u, target, batch, b, turn, first, channel, next_first, next_channel,
):  # fmt: skip
    """Add the states' outputs to y (M, steps, 16); p (blocks, N, 16) goes on; h (M, N, 16) where the scan ``ends``.

    rates (blocks, M, N, 16) are in powers of two; row is the length of a block's (N, 16); sizes, gains and y may hold
    more steps. Returns the first step after which a guarded state is not finite, or ``steps``.
    """
    fours, tile, factor, good = row // LANES, len(y) // modalities, splat(scale), steps
    rates_at, p_at = block * modalities * row, block * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        own = p_at + at
        p0, p1, p2, p3 = load(p, own), load(p, own + 16), load(p, own + 32), load(p, own + 48)
        for i in range(steps):
            s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                if n == 0:
                    fetch3(delta, m * batch + b, next_first + turn * i, next_channel)
                    fetch3(u, m * batch + b, next_first + turn * i, next_channel)
                    fetch_to_write3(target, m * batch + b, first + turn * i, channel)
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                size, gain, summed = load(sizes, here), load(gains, here), load(y, here)
                h0 = fma(exp2(size * load(rates, rates_at + r)), p0, gain * spread(into, k))
                h1 = fma(exp2(size * load(rates, rates_at + r + 16)), p1, gain * spread(into, k + 1))
                h2 = fma(exp2(size * load(rates, rates_at + r + 32)), p2, gain * spread(into, k + 2))
                h3 = fma(exp2(size * load(rates, rates_at + r + 48)), p3, gain * spread(into, k + 3))
                s0, s1, s2, s3 = s0 + h0, s1 + h1, s2 + h2, s3 + h3
                summed = fma(h1, spread(out, k + 1), fma(h0, spread(out, k), summed))
                store(y, here, fma(h3, spread(out, k + 3), fma(h2, spread(out, k + 2), summed)))
                if guard or (ends and i == steps - 1):
                    store(h, r, h0)
                    store(h, r + 16, h1)
                    store(h, r + 32, h2)
                    store(h, r + 48, h3)
            p0, p1, p2, p3 = factor * s0, factor * s1, factor * s2, factor * s3
            if guard and not _finite(h, row, at):
                good = min(good, i)
                break
        store(p, own, p0)
        store(p, own + 16, p1)
        store(p, own + 32, p2)
        store(p, own + 48, p3)
    return good


@njit(nogil=True, cache=True)
def _finite(h, row, at):
    """Whether four states of all modalities are."""
    still = splat(ZERO)
    for m in range(at, len(h), row):
        for n in range(m, m + FOUR * LANES, LANES):
            still = fma(load(h, n), splat(ZERO), still)  # infinity and nan times zero are nan
    return total(still) == ZERO


@njit(nogil=True, cache=True)
def chunk_again(
    block, modalities, row, sizes, gains, rates, into, scale, steps, p, ps, decays,
    delta, u, dy, batch, b, turn, next_first, next_channel,
):  # fmt: skip
    """All p (fours, steps, 4, 16) and decays (fours, steps, M, 4, 16) of a chunk from its first p."""
    fours, tile, factor, rates_at = (
        row // LANES,
        len(sizes) // modalities,
        splat(scale),
        block * modalities * row,
    )
    for n in range(0, fours, FOUR):
        at = n * LANES
        p0, p1, p2, p3 = load(p, at), load(p, at + 16), load(p, at + 32), load(p, at + 48)
        for i in range(steps):
            j = (n * steps + i * FOUR) * LANES
            store(ps, j, p0)
            store(ps, j + 16, p1)
            store(ps, j + 32, p2)
            store(ps, j + 48, p3)
            s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                if n == 0:
                    fetch3(delta, m * batch + b, next_first + turn * i, next_channel)
                    fetch3(u, m * batch + b, next_first + turn * i, next_channel)
                    fetch3(dy, m * batch + b, next_first + turn * i, next_channel)
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                a = ((n * steps + i * FOUR) * modalities + m * FOUR) * LANES
                size, gain = load(sizes, here) * splat(LOG2_E), load(gains, here)
                a0, a1 = exp2(size * load(rates, rates_at + r)), exp2(size * load(rates, rates_at + r + 16))
                a2, a3 = (
                    exp2(size * load(rates, rates_at + r + 32)),
                    exp2(size * load(rates, rates_at + r + 48)),
                )
                store(decays, a, a0)
                store(decays, a + 16, a1)
                store(decays, a + 32, a2)
                store(decays, a + 48, a3)
                h0, h1 = fma(a0, p0, gain * spread(into, k)), fma(a1, p1, gain * spread(into, k + 1))
                h2, h3 = fma(a2, p2, gain * spread(into, k + 2)), fma(a3, p3, gain * spread(into, k + 3))
                s0, s1, s2, s3 = s0 + h0, s1 + h1, s2 + h2, s3 + h3
            p0, p1, p2, p3 = factor * s0, factor * s1, factor * s2, factor * s3


@njit(nogil=True, cache=True)
def outputs(gains, into, out, ps, decays, modalities, m, steps, fours, y, at):
    """Add the outputs of modality m's states, which p and the decays give again, to its tile of y."""
    for n in range(fours):
        four, one = n - n % FOUR, n % FOUR
        for i in range(steps):
            k = (m * steps + i) * fours + n
            p = load(ps, (four * steps + i * FOUR + one) * LANES)
            decay = load(decays, ((four * steps + i * FOUR) * modalities + m * FOUR + one) * LANES)
            here = at + i * LANES
            state = fma(decay, p, load(gains, here) * spread(into, k))
            store(y, here, fma(state, spread(out, k), load(y, here)))


@njit(nogil=True, cache=True)
def _back(outer, size, gain, rate, b, c, decay, p, dh, dp, dgain, dsize, drates, r, dinto, dout, j):
    """Back through one state's step of one modality; dh is the gradient that comes from later steps."""
    slope = fma(outer, c, dh)
    store(dout, j, fma(outer, fma(decay, p, gain * b), load(dout, j)))
    store(dinto, j, fma(slope, gain, load(dinto, j)))
    dgain = fma(slope, b, dgain)
    slope = slope * decay
    dp = dp + slope
    slope = slope * p
    store(drates, r, fma(slope, size, load(drates, r)))
    return dp, dgain, fma(slope, rate, dsize)


@njit(nogil=True, cache=True)
def chunk_back(
    block, modalities, row, slopes, sizes, gains, rates, into, out, scale, steps, ps, decays, dlast, ends,
    dp, drates, own, dinto, dout, dgains, dsizes, du, ddelta, batch, b, turn, first, channel,
):  # fmt: skip
    """Back through a chunk; dp goes on, all other gradients are added to.

    dlast (M, N, 16) is the gradient of the states after the last step, which counts where the scan ``ends`` here;
    the rates' gradient begins at ``own``.
    """
    fours, tile, factor = row // LANES, len(sizes) // modalities, splat(scale)
    rates_at, dp_at = block * modalities * row, block * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        place = dp_at + at
        d0, d1, d2, d3 = load(dp, place), load(dp, place + 16), load(dp, place + 32), load(dp, place + 48)
        for i in range(steps - 1, -1, -1):
            j = (n * steps + i * FOUR) * LANES
            p0, p1, p2, p3 = load(ps, j), load(ps, j + 16), load(ps, j + 32), load(ps, j + 48)
            g0, g1, g2, g3 = factor * d0, factor * d1, factor * d2, factor * d3
            d0, d1, d2, d3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                here, r, k = m * tile + i * LANES, m * row + at, (m * steps + i) * fours + n
                s = own + r
                if n == 0:
                    fetch_to_write3(du, m * batch + b, first + turn * i, channel)
                    fetch_to_write3(ddelta, m * batch + b, first + turn * i, channel)
                a = ((n * steps + i * FOUR) * modalities + m * FOUR) * LANES
                e0, e1, e2, e3 = g0, g1, g2, g3
                if ends and i == steps - 1:
                    e0, e1, e2, e3 = (
                        load(dlast, r), load(dlast, r + 16), load(dlast, r + 32), load(dlast, r + 48),
                    )  # fmt: skip
                outer, size, gain = load(slopes, here), load(sizes, here), load(gains, here)
                dg, ds = load(dgains, here), load(dsizes, here)
                d0, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r), spread(into, k), spread(out, k),
                    load(decays, a), p0, e0, d0, dg, ds, drates, s, dinto, dout, a,
                )  # fmt: skip
                d1, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r + 16), spread(into, k + 1), spread(out, k + 1),
                    load(decays, a + 16), p1, e1, d1, dg, ds, drates, s + 16, dinto, dout, a + 16,
                )  # fmt: skip
                d2, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r + 32), spread(into, k + 2), spread(out, k + 2),
                    load(decays, a + 32), p2, e2, d2, dg, ds, drates, s + 32, dinto, dout, a + 32,
                )  # fmt: skip
                d3, dg, ds = _back(
                    outer, size, gain, load(rates, rates_at + r + 48), spread(into, k + 3), spread(out, k + 3),
                    load(decays, a + 48), p3, e3, d3, dg, ds, drates, s + 48, dinto, dout, a + 48,
                )  # fmt: skip
                store(dgains, here, dg)
                store(dsizes, here, ds)
        store(dp, place, d0)
        store(dp, place + 16, d1)
        store(dp, place + 32, d2)
        store(dp, place + 48, d3)
