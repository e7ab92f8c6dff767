"""Steps of a coupled scan with a pool a modality, forward, again and back; words as in numba_coupled.

p^m is the sum of all states with row m of the weights. Pools and states of a step lie in memory that stays in the
first-level cache.
"""

from __future__ import annotations

from numba import njit

from affectssm.ssm.numba_coupled_chunk import back, kept_of
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
from affectssm.ssm.numba_vectors import LANES, exp2, fma, splat


@njit(nogil=True, cache=True)
def _pool(weights, modalities, row, at, h, p, to):
    """Four states of all modalities (M, N, 16), mixed, become the pools (M, N, 16) that begin at ``to``."""
    for q in range(modalities):
        s0, s1, s2, s3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
        for m in range(modalities):
            weight, r = spread(weights, q * modalities + m), m * row + at
            s0, s1 = fma(weight, load(h, r), s0), fma(weight, load(h, r + 16), s1)
            s2, s3 = fma(weight, load(h, r + 32), s2), fma(weight, load(h, r + 48), s3)
        r = to + q * row + at
        store4(p, r, s0, s1, s2, s3)


@njit(nogil=True, cache=True)
def mixed_chunk(
    block, modalities, row, tiles, rates, projections, weights, steps, p, h,
    delta, u, target, streams, channel_bits, batch, place, next_place,
):  # fmt: skip
    """Add the states' outputs to the tiles'; p (blocks, M, N, 16) goes on, h (M, N, 16) becomes the last states.

    rates (blocks, M, N, 16) are in powers of two.
    """
    fours, tile, own = row // LANES, len(tiles) // modalities, block * modalities * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        for i in range(steps):
            for m in range(modalities):
                if n == 0:
                    coming = of_modality(next_place, m, batch)
                    fetch_line(delta, coming, i, channel_bits)
                    fetch_line(u, coming, i, channel_bits)
                    if not streams:
                        fetch_line_to_write(target, of_modality(place, m, batch), i, channel_bits)
                here, r = m * tile + i * STEP, m * row + at
                k, summed = 2 * m * steps * fours + projections_of(n, i, steps), load(tiles, here + OUT)
                size, gain = load(tiles, here + SIZE), load(tiles, here + GAIN)
                for one in range(FOUR):
                    state = r + one * LANES
                    decay = exp2(size * load(rates, own + state))
                    value = fma(decay, load(p, own + state), gain * spread(projections, k + INTO + one))
                    store(h, state, value)
                    summed = fma(value, spread(projections, k + READ_OUT + one), summed)
                store(tiles, here + OUT, summed)
            _pool(weights, modalities, row, at, h, p, own)


@njit(nogil=True, cache=True)
def mixed_chunk_again(
    block, modalities, row, tiles, rates, projections, weights, steps, p, h, ps, decays,
    delta, u, dy, channel_bits, batch, next_place,
):  # fmt: skip
    """All pools and decays of a chunk, (N / 4, steps, M, 4, 16) each, from its first pools p (M, N, 16).

    h (M, N, 16) is room for the states.
    """
    fours, tile, rates_at = row // LANES, len(tiles) // modalities, block * modalities * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        for i in range(steps):
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
                for one in range(FOUR):
                    state, kept = r + one * LANES, a + one * LANES
                    decay, pool = exp2(size * load(rates, rates_at + state)), load(p, state)
                    store(ps, kept, pool)
                    store(decays, kept, decay)
                    store(h, state, fma(decay, pool, gain * spread(projections, k + INTO + one)))
            _pool(weights, modalities, row, at, h, p, 0)


@njit(nogil=True, cache=True)
def mixed_chunk_back(
    block, modalities, row, tiles, rates, projections, weights, steps, h, ps, decays, dlast, ends,
    dp, drates, own, dprojections, dweights, part, du, ddelta, streams, channel_bits, batch, place,
):  # fmt: skip
    """Back through a chunk; dp (blocks, M, N, 16) goes on, all other gradients are added to.

    dlast (M, N, 16) is the gradient of the states after the last step, which counts where the scan ``ends`` here; the
    rates' gradient begins at ``own``, that of the weights (M, M, 16), which is empty where nobody wants it, at ``part``
    times its size. h (2, M, N, 16) is room for the states and their gradients.
    """
    fours, tile, at_block = row // LANES, len(tiles) // modalities, block * modalities * row
    room = modalities * row
    for n in range(0, fours, FOUR):
        at = n * LANES
        for i in range(steps - 1, -1, -1):
            for m in range(modalities):
                k, r = 2 * m * steps * fours + projections_of(n, i, steps), m * row + at
                a, gain = kept_of(m, n, i, steps, modalities), load(tiles, m * tile + i * STEP + GAIN)
                for one in range(FOUR):
                    kept = a + one * LANES
                    value = fma(
                        load(decays, kept), load(ps, kept), gain * spread(projections, k + INTO + one)
                    )
                    store(h, r + one * LANES, value)
            last = ends and i == steps - 1
            _unpool(weights, modalities, row, at, h, dp, at_block, dlast, last, dweights, part)
            for m in range(modalities):
                if n == 0 and not streams:
                    own_place = of_modality(place, m, batch)
                    fetch_line_to_write(du, own_place, i, channel_bits)
                    fetch_line_to_write(ddelta, own_place, i, channel_bits)
                here, r = m * tile + i * STEP, m * row + at
                k, a = (
                    2 * m * steps * fours + projections_of(n, i, steps),
                    kept_of(m, n, i, steps, modalities),
                )
                outer, size, gain = (
                    load(tiles, here + SLOPE),
                    load(tiles, here + SIZE),
                    load(tiles, here + GAIN),
                )
                dg, ds = load(tiles, here + DGAIN), load(tiles, here + DSIZE)
                for one in range(FOUR):
                    state, kept = r + one * LANES, a + one * LANES
                    dpool, dg, ds = back(
                        outer, size, gain, rates, at_block + state, projections, k + one, decays, kept,
                        load(ps, kept), load(h, room + state), splat(ZERO), dg, ds,
                        drates, own + state, dprojections, (k + one) * LANES,
                    )  # fmt: skip
                    store(dp, at_block + state, dpool)
                store(tiles, here + DGAIN, dg)
                store(tiles, here + DSIZE, ds)


@njit(nogil=True, cache=True)
def _unpool(weights, modalities, row, at, h, dp, at_block, dlast, last, dweights, part):
    """From the pools' gradients to the weights' and those of four states of all modalities, in h's second half."""
    for m in range(modalities):
        r = m * row + at
        h0, h1, h2, h3 = load4(h, r)
        e0, e1, e2, e3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
        if last:
            e0, e1, e2, e3 = load4(dlast, r)
        for q in range(modalities):
            d = at_block + q * row + at
            d0, d1, d2, d3 = load4(dp, d)
            weight, w = (
                spread(weights, q * modalities + m),
                ((part * modalities + q) * modalities + m) * LANES,
            )
            e0, e1, e2, e3 = (
                fma(weight, d0, e0),
                fma(weight, d1, e1),
                fma(weight, d2, e2),
                fma(weight, d3, e3),
            )
            if len(dweights):
                store(dweights, w, fma(d0, h0, fma(d1, h1, fma(d2, h2, fma(d3, h3, load(dweights, w))))))
        r = modalities * row + r
        store4(h, r, e0, e1, e2, e3)
