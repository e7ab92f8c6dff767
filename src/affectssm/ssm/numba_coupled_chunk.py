"""Steps of a coupled scan with one pool through a chunk of a block, forward, again and back; words as in numba_coupled.

p, the scaled sum of the states, stays in registers along a chunk, four states at a time.
"""

from __future__ import annotations

from numba import njit

from affectssm.ssm.numba_memory import load, spread, store
from affectssm.ssm.numba_states import FOUR, INTO, LOG2_E, READ_OUT, ZERO, load4, projections_of, store4
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
    of_modality,
)
from affectssm.ssm.numba_vectors import LANES, exp2, fma, splat, total


@njit(nogil=True, cache=True)
def kept_of(m, n, i, steps, modalities):
    """Where four states from n, a multiple of 4, on of modality m at step i lie in (N / 4, steps, M, 4, 16)."""
    return ((n * steps + i * FOUR) * modalities + m * FOUR) * LANES


@njit(nogil=True, cache=True)
def chunk(
    block, modalities, row, tiles, rates, projections, scale, steps, ends, guard, p, h,
    delta, u, target, streams, channel_bits, batch, place, next_place,
):  # fmt: skip
    """Add the states' outputs to the tiles'; p (blocks, N, 16) goes on; h (M, N, 16) where the scan ``ends``.

    rates (blocks, M, N, 16) are in powers of two; row is the length of a block's (N, 16); tiles may hold more steps.
    Returns the first step after which a guarded state is not finite, or ``steps``.
    """
    fours, tile, factor, good = row // LANES, len(tiles) // modalities, splat(scale), steps
    rates_at, p_at = block * modalities * row, block * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        own = p_at + at
        p0, p1, p2, p3 = load4(p, own)
        for i in range(steps):
            s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                if n == 0:
                    coming = of_modality(next_place, m, batch)
                    fetch_line(delta, coming, i, channel_bits)
                    fetch_line(u, coming, i, channel_bits)
                    if not streams:
                        fetch_line_to_write(target, of_modality(place, m, batch), i, channel_bits)
                here, r = m * tile + i * STEP, m * row + at
                k = 2 * m * steps * fours + projections_of(n, i, steps)
                size, gain, summed = (
                    load(tiles, here + SIZE),
                    load(tiles, here + GAIN),
                    load(tiles, here + OUT),
                )
                h0 = fma(exp2(size * load(rates, rates_at + r)), p0, gain * spread(projections, k + INTO))
                h1 = fma(
                    exp2(size * load(rates, rates_at + r + 16)), p1, gain * spread(projections, k + INTO + 1)
                )
                h2 = fma(
                    exp2(size * load(rates, rates_at + r + 32)), p2, gain * spread(projections, k + INTO + 2)
                )
                h3 = fma(
                    exp2(size * load(rates, rates_at + r + 48)), p3, gain * spread(projections, k + INTO + 3)
                )
                s0, s1, s2, s3 = s0 + h0, s1 + h1, s2 + h2, s3 + h3
                k = k + READ_OUT
                summed = fma(h1, spread(projections, k + 1), fma(h0, spread(projections, k), summed))
                summed = fma(h3, spread(projections, k + 3), fma(h2, spread(projections, k + 2), summed))
                store(tiles, here + OUT, summed)
                if guard or (ends and i == steps - 1):
                    store4(h, r, h0, h1, h2, h3)
            p0, p1, p2, p3 = factor * s0, factor * s1, factor * s2, factor * s3
            if guard and not _finite(h, row, at):
                good = min(good, i)
                break
        store4(p, own, p0, p1, p2, p3)
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
    block, modalities, row, tiles, rates, projections, scale, steps, p, ps, decays,
    delta, u, dy, channel_bits, batch, next_place,
):  # fmt: skip
    """All p (N / 4, steps, 4, 16) and decays (N / 4, steps, M, 4, 16) of a chunk from its first p."""
    fours, tile, factor, rates_at = (
        row // LANES,
        len(tiles) // modalities,
        splat(scale),
        block * modalities * row,
    )
    for n in range(0, fours, FOUR):
        at = n * LANES
        p0, p1, p2, p3 = load4(p, at)
        for i in range(steps):
            j = kept_of(0, n, i, steps, 1)
            store4(ps, j, p0, p1, p2, p3)
            s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                if n == 0:
                    coming = of_modality(next_place, m, batch)
                    fetch_line(delta, coming, i, channel_bits)
                    fetch_line(u, coming, i, channel_bits)
                    fetch_line(dy, coming, i, channel_bits)
                here, r = m * tile + i * STEP, m * row + at
                k = 2 * m * steps * fours + projections_of(n, i, steps)
                a = kept_of(m, n, i, steps, modalities)
                size, gain = load(tiles, here + SIZE) * splat(LOG2_E), load(tiles, here + GAIN)
                a0, a1 = exp2(size * load(rates, rates_at + r)), exp2(size * load(rates, rates_at + r + 16))
                a2, a3 = (
                    exp2(size * load(rates, rates_at + r + 32)),
                    exp2(size * load(rates, rates_at + r + 48)),
                )
                store4(decays, a, a0, a1, a2, a3)
                h0, h1 = (
                    fma(a0, p0, gain * spread(projections, k + INTO)),
                    fma(a1, p1, gain * spread(projections, k + INTO + 1)),
                )
                h2, h3 = (
                    fma(a2, p2, gain * spread(projections, k + INTO + 2)),
                    fma(a3, p3, gain * spread(projections, k + INTO + 3)),
                )
                s0, s1, s2, s3 = s0 + h0, s1 + h1, s2 + h2, s3 + h3
            p0, p1, p2, p3 = factor * s0, factor * s1, factor * s2, factor * s3


@njit(nogil=True, cache=True)
def outputs(projections, ps, pools, decays, modalities, m, steps, fours, tiles, at):
    """Add the outputs of modality m's states, which p and the decays give again, to those of its tile."""
    for n in range(0, fours, FOUR):
        for i in range(steps):
            here, k = at + i * STEP, 2 * m * steps * fours + projections_of(n, i, steps)
            gain, summed = load(tiles, here + GAIN), load(tiles, here + OUT)
            for one in range(FOUR):
                p = load(ps, kept_of(min(m, pools - 1), n, i, steps, pools) + one * LANES)
                decay = load(decays, kept_of(m, n, i, steps, modalities) + one * LANES)
                state = fma(decay, p, gain * spread(projections, k + INTO + one))
                summed = fma(state, spread(projections, k + READ_OUT + one), summed)
            store(tiles, here + OUT, summed)


@njit(nogil=True, cache=True)
def back(
    outer, size, gain, rates, r, projections, k, decays, a, p, dh, dp, dgain, dsize, drates, own, dprojections, here
):  # fmt: skip
    """Back through one state's step of one modality; dh is the gradient that comes from later steps."""
    into, decay, out = spread(projections, k + INTO), load(decays, a), here + READ_OUT * LANES
    slope = fma(outer, spread(projections, k + READ_OUT), dh)
    store(dprojections, out, fma(outer, fma(decay, p, gain * into), load(dprojections, out)))
    store(dprojections, here, fma(slope, gain, load(dprojections, here)))
    dgain = fma(slope, into, dgain)
    slope = slope * decay
    dp = dp + slope
    slope = slope * p
    store(drates, own, fma(slope, size, load(drates, own)))
    return dp, dgain, fma(slope, load(rates, r), dsize)


@njit(nogil=True, cache=True)
def chunk_back(
    block, modalities, row, tiles, rates, projections, scale, steps, ps, decays, dlast, ends,
    dp, drates, own, dprojections, du, ddelta, streams, channel_bits, batch, place,
):  # fmt: skip
    """Back through a chunk; dp goes on, all other gradients are added to.

    dlast (M, N, 16) is the gradient of the states after the last step, which counts where the scan ``ends`` here;
    the rates' gradient begins at ``own``.
    """
    fours, tile, factor = row // LANES, len(tiles) // modalities, splat(scale)
    rates_at, dp_at = block * modalities * row, block * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        own_dp = dp_at + at
        d0, d1, d2, d3 = load4(dp, own_dp)
        for i in range(steps - 1, -1, -1):
            j = kept_of(0, n, i, steps, 1)
            p0, p1, p2, p3 = load4(ps, j)
            g0, g1, g2, g3 = factor * d0, factor * d1, factor * d2, factor * d3
            d0, d1, d2, d3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            for m in range(modalities):
                here, r, s = m * tile + i * STEP, m * row + at, own + m * row + at
                k = 2 * m * steps * fours + projections_of(n, i, steps)
                rate, g = rates_at + r, k * LANES
                if n == 0 and not streams:
                    own_place = of_modality(place, m, batch)
                    fetch_line_to_write(du, own_place, i, channel_bits)
                    fetch_line_to_write(ddelta, own_place, i, channel_bits)
                a = kept_of(m, n, i, steps, modalities)
                e0, e1, e2, e3 = g0, g1, g2, g3
                if ends and i == steps - 1:
                    e0, e1, e2, e3 = load4(dlast, r)
                outer, size, gain = (
                    load(tiles, here + SLOPE),
                    load(tiles, here + SIZE),
                    load(tiles, here + GAIN),
                )
                dg, ds = load(tiles, here + DGAIN), load(tiles, here + DSIZE)
                d0, dg, ds = back(
                    outer, size, gain, rates, rate, projections, k, decays, a, p0, e0, d0, dg, ds,
                    drates, s, dprojections, g,
                )  # fmt: skip
                d1, dg, ds = back(
                    outer, size, gain, rates, rate + 16, projections, k + 1, decays, a + 16, p1, e1, d1, dg, ds,
                    drates, s + 16, dprojections, g + 16,
                )  # fmt: skip
                d2, dg, ds = back(
                    outer, size, gain, rates, rate + 32, projections, k + 2, decays, a + 32, p2, e2, d2, dg, ds,
                    drates, s + 32, dprojections, g + 32,
                )  # fmt: skip
                d3, dg, ds = back(
                    outer, size, gain, rates, rate + 48, projections, k + 3, decays, a + 48, p3, e3, d3, dg, ds,
                    drates, s + 48, dprojections, g + 48,
                )  # fmt: skip
                store(tiles, here + DGAIN, dg)
                store(tiles, here + DSIZE, ds)
        store4(dp, own_dp, d0, d1, d2, d3)
