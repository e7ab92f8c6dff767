# mypy: disable-error-code="assignment, misc"
"""What the Triton kernels of the scans are made of: who computes what, and where it lies.

Letters as in :mod:`affectssm.ssm.coupled`. Every signal is seen as (B, G, M, W, L): batch, group of channels, modality,
channel of the group, time; a selective scan has one modality, a coupled scan one group.

A program is one warp. It owns DV * DL neighbouring channels and all NV * NL states of each, as tiles (DV, NV, 32): a
thread's part are DV channels, NV states of each, and its lane is NL times DL, the latter running faster. Rows of
channels are (DV, 32), rows of states (NV, 32), repeated over the lanes that share them, so that Triton lays everything
out alike and nothing passes through shared memory. A sum over states costs log2(NL) shuffles for each of the thread's
channels, one over channels log2(DL) for each of its states.

Steps are counted in the order of the recurrence, from a whole number of spans before its end. So the first ``pad`` of
them come before the beginning: their input is zero, the states stay zero, and nothing is written.

Tuples grow by ``+`` because Triton's language has no starred expressions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import triton
import triton.language as tl


@dataclass(frozen=True, eq=False)
class Shape:
    """What a kernel is compiled for; every field becomes a ``constexpr``. Make it once: each one is a key of its own.

    N: states a channel, at most NV * NL. M: modalities. J: tiles that have to be known of their states to go on. MIX:
    whether these are mixed by weights (J = M), rather than summed (J = 1). SOFTPLUS: whether the step sizes pass
    through it. EVEN: whether the programs' channels are all there. ALIGNED: whether signals go from one batch element,
    group, modality and step to another in multiples of four numbers.
    SPAN: steps from one kept state to the next. AHEAD: steps whose inputs the forward pass loads at once. SUB: steps
    whose states the backward pass computes again at once. Both divide SPAN.
    """

    N: Any
    M: Any
    J: Any
    MIX: Any
    SOFTPLUS: Any
    EVEN: Any
    ALIGNED: Any
    SPAN: Any
    AHEAD: Any
    SUB: Any
    DV: Any
    NV: Any
    NL: Any
    DL: Any

    def __post_init__(self) -> None:
        if not triton.knobs.runtime.interpret:  # the interpreter takes plain numbers
            for field in fields(self):
                object.__setattr__(self, field.name, tl.constexpr(getattr(self, field.name)))


class Signal(NamedTuple):
    """A tensor (B, G, M, W, L), or (B, G, M, N, L), and its strides."""

    data: Any
    b: Any
    g: Any
    m: Any
    index: Any
    t: Any


class Parameter(NamedTuple):
    """A tensor (G, M, W) or (G, M, W, N) and its strides, that of N being 0 in the first case."""

    data: Any
    g: Any
    m: Any
    w: Any
    n: Any


class Owner(NamedTuple):
    """What a program owns: batch element and group, channels w (DV, 32), states n (NV, 32), which of these there are,
    which elements of such rows it writes (lanes share them), whether the group runs from the last step to the first,
    and how many steps come before the beginning."""

    b: Any
    g: Any
    w: Any
    n: Any
    inside: Any
    known: Any
    writes_w: Any
    writes_n: Any
    turned: Any
    pad: Any


class Part(NamedTuple):
    """A program's part of a signal: the addresses of step 0, the strides of M and of a step of the recurrence."""

    at: Any
    m: Any
    t: Any


@triton.jit
def owner(groups, W, L, reverse, S: tl.constexpr):
    """Whose steps this program takes.

    A thread's channels are neighbours in memory, and its states too: one wide access. reverse: a bit a group.
    """
    lane = tl.arange(0, S.NL * S.DL)[None, :]
    w = tl.program_id(1) * (S.DV * S.DL) + lane % S.DL * S.DV + tl.arange(0, S.DV)[:, None]
    n = lane // S.DL * S.NV + tl.arange(0, S.NV)[:, None]
    inside, known = w < W, n < S.N
    if S.EVEN:
        inside = tl.full((S.DV, S.NL * S.DL), True, tl.int1)
    if S.N == S.NV * S.NL:
        known = tl.full((S.NV, S.NL * S.DL), True, tl.int1)
    g = tl.program_id(0) % groups
    b = (tl.program_id(0) // groups).to(tl.int64)
    turned = (reverse >> tl.minimum(g, 30)) & 1
    first_w, first_n = inside & (lane // S.DL == 0), known & (lane % S.DL == 0)
    pad = tl.cdiv(L, S.SPAN) * S.SPAN - L
    return Owner(b, g.to(tl.int64), w, n, inside, known, first_w, first_n, turned, pad)


@triton.jit
def part(signal, own, index, L, S: tl.constexpr):
    """The program's part of a signal; index: its channels or its states. One modality's is addressed in 32 bits."""
    start = own.b * signal.b + own.g * signal.g
    start += tl.where(own.turned != 0, L - 1 + own.pad, -own.pad) * signal.t
    if S.ALIGNED:
        start = tl.multiple_of(start, 4)
    return Part(
        signal.data + start + index * signal.index, signal.m, tl.where(own.turned != 0, -1, 1) * signal.t
    )


@triton.jit
def place(seen, m, t, S: tl.constexpr):
    """The addresses of step t of modality m.

    Triton cannot know that distances are multiples; told so, it makes a thread's neighbours one wide access.
    """
    to_modality, to_step = tl.cast(seen.m, tl.int64) * m, t * seen.t
    if S.ALIGNED:
        to_modality, to_step = tl.multiple_of(to_modality, 4), tl.multiple_of(to_step, 4)
    return seen.at + to_modality + to_step


@triton.jit
def row(seen, m, t, mask, own, S: tl.constexpr):
    """Step t of modality m in float32, the first one for those before it; zero where masked."""
    return tl.load(place(seen, m, tl.maximum(t, own.pad), S), mask=mask, other=0.0).to(tl.float32)


@triton.jit
def put(seen, m, t, values, mask, own, S: tl.constexpr):
    """Write step t of modality m, unless it comes before the beginning."""
    at = place(seen, m, t, S)
    tl.store(at, values.to(at.dtype.element_ty), mask=mask & (t >= own.pad))


@triton.jit
def tile(pointer, step_n, step_w, own, S: tl.constexpr):
    """A tile from memory in float32: state n of channel w lies at n * step_n + w * step_w.

    Tiles pass to and from memory as NV rows (DV, 32); an access with all axes would get a layout of its own.
    """
    values = tl.zeros((S.DV, S.NV, S.NL * S.DL), tl.float32)
    for k in tl.static_range(S.NV):
        at, mask = _row_of_tile(step_n, step_w, k, own, S)
        one = tl.load(pointer + at, mask=mask, other=0.0).to(tl.float32)
        values = tl.where(tl.arange(0, S.NV)[None, :, None] == k, one[:, None, :], values)
    return values


@triton.jit
def put_tile(pointer, step_n, step_w, values, own, S: tl.constexpr):
    """The reverse of ``tile``."""
    for k in tl.static_range(S.NV):
        at, mask = _row_of_tile(step_n, step_w, k, own, S)
        one = tl.sum(tl.where(tl.arange(0, S.NV)[None, :, None] == k, values, 0.0), axis=1)
        tl.store(pointer + at, one, mask=mask)


@triton.jit
def _row_of_tile(step_n, step_w, k: tl.constexpr, own, S: tl.constexpr):
    """Where a thread's k-th state of every channel lies, and which there are."""
    n = tl.arange(0, S.NL * S.DL)[None, :] // S.DL * S.NV + k
    return n * step_n + own.w * step_w, own.inside & (n < S.N)
