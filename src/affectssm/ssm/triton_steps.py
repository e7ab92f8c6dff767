# ruff: noqa: RUF005
# mypy: disable-error-code="assignment, misc"
"""One step of the recurrence in Triton: what enters it, and sums. Tiles and signals as in ``triton_tiles``."""

from __future__ import annotations

from typing import Any, NamedTuple

import triton
import triton.language as tl

from affectssm.ssm.triton_tiles import row, tile


class Fixed(NamedTuple):
    """What is the same at every step: A log2(e), D, delta_bias of every modality, the mix row by row (the last three
    empty where there is none), and what the summed states are multiplied by."""

    rates: Any
    skips: Any
    offsets: Any
    mix: Any
    weight: Any


@triton.jit
def entries(u, delta, B, own, first, STEPS: tl.constexpr, S: tl.constexpr):
    """What enters the states in STEPS steps: [step][modality] -> (u, delta, B), every load before any use.

    ``input_of`` makes the u of a step before the beginning zero.
    """
    rows = ()
    for i in tl.static_range(STEPS):
        step = ()
        for m in tl.static_range(S.M):
            x, raw = row(u, m, first + i, own.inside, own, S), row(delta, m, first + i, own.inside, own, S)
            step = step + ((x, raw, row(B, m, first + i, own.known, own, S)),)
        rows = rows + (step,)
    return rows


@triton.jit
def fixed(A, D, bias, mix, weight, own, S: tl.constexpr):
    """What is the same at every step; D, bias (parameters) and mix (an address) may be None."""
    rates, skips, offsets, weights = (), (), (), ()
    for m in tl.static_range(S.M):
        rates = rates + (tile(A.data + own.g * A.g + m * A.m, A.n, A.w, own, S) * 1.4426950408889634,)
        if D is not None:
            at_w = D.data + own.g * D.g + m * D.m + own.w * D.w
            skips = skips + (tl.load(at_w, mask=own.inside, other=0.0).to(tl.float32),)
        if bias is not None:
            at_w = bias.data + own.g * bias.g + m * bias.m + own.w * bias.w
            offsets = offsets + (tl.load(at_w, mask=own.inside, other=0.0).to(tl.float32),)
    if mix is not None:
        for k in tl.static_range(S.M * S.M):
            weights = weights + (tl.load(mix + k).to(tl.float32),)
    return Fixed(rates, skips, offsets, weights, weight)


@triton.jit
def input_of(x, t, own):
    """u of step t."""
    return tl.where(t >= own.pad, x, 0.0)


@triton.jit
def step_size(raw, const, m: tl.constexpr, S: tl.constexpr):
    """The step of modality m from its row: plus bias if there is one, through softplus if asked.

    softplus(x) = max(x, 0) + log1p(exp(-|x|)), and log1p(e) is 2 artanh(e / (2 + e)): a short series for e in (0, 1],
    to the last bits for small e too.
    """
    step = raw
    if len(const.offsets) > 0:
        step = step + const.offsets[m]
    if S.SOFTPLUS:
        e = tl.exp2(tl.abs(step) * -1.4426950408889634)
        s = e / (2.0 + e)
        q = s * s
        series = 1.0 + q * (
            0.3333333333 + q * (0.2 + q * (0.1428571429 + q * (0.1111111111 + q * 0.0909090909)))
        )
        step = tl.maximum(step, 0.0) + 2.0 * s * series
    return step


@triton.jit
def gathered(hs, S: tl.constexpr):
    """What has to be known of all modalities' states to go on: their sum, or all of them for a mix."""
    known = hs
    if not S.MIX:
        total = hs[0]
        for m in tl.static_range(1, S.M):
            total += hs[m]
        known = (total,)
    return known


@triton.jit
def entering(known, const, m: tl.constexpr, S: tl.constexpr):
    """What the coupling makes of it for modality m."""
    total = known[0]
    if S.MIX:
        total *= const.mix[m * S.M]
        for j in tl.static_range(1, S.M):
            total += known[j] * const.mix[m * S.M + j]
    elif S.M > 1:
        total *= const.weight
    return total


@triton.jit
def over_states(values, S: tl.constexpr):
    """The sum over states: (DV, NV, 32) -> (DV, 32)."""
    lanes = tl.reshape(tl.sum(values, axis=1), (S.DV, S.NL, S.DL))
    total = tl.broadcast_to(tl.sum(lanes, axis=1, keep_dims=True), (S.DV, S.NL, S.DL))
    return tl.reshape(total, (S.DV, S.NL * S.DL))


@triton.jit
def over_channels(values, S: tl.constexpr):
    """The sum over the program's channels: (DV, NV, 32) -> (NV, 32)."""
    lanes = tl.reshape(tl.sum(values, axis=0), (S.NV, S.NL, S.DL))
    total = tl.broadcast_to(tl.sum(lanes, axis=2, keep_dims=True), (S.NV, S.NL, S.DL))
    return tl.reshape(total, (S.NV, S.NL * S.DL))
