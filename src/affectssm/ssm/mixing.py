"""What is around a scan in Mamba's mixer, as one differentiable function that keeps little for the backward pass.

    x -> inner, z -> convolution, SiLU -> u -> delta, B, C -> scan -> gate silu(z) -> output projection

Letters: B batch, L steps, d model width, E inner width, N states a channel, R rank of the step-size projection, W steps
a convolution sees, M modalities, K directions of time, G = M * K groups, M or K being 1. Every modality has an input
and an output projection, every group the rest; the mean over the directions is gated.

On a CPU a batch goes through it in parts, so that most of it exists for one part only. Between the passes lie x, inner
and z; the backward pass computes the rest again, part by part. A scan of one direction gates its outputs itself, and
keeps them and some of its states. One of two directions keeps nothing and is run again: that is a tenth of a step. A
small batch keeps everything, for there every operation has its price whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from affectssm.ssm.mixing_part import Part, Sums, Weights, back, enter, leave, select, shown
from affectssm.ssm.recorded import Recorded

CACHED = 2**21  # numbers of u a part holds: smaller ones take more time, larger ones more memory
SMALL = 2**20  # of a batch that keeps everything


@dataclass(frozen=True)
class Scan:
    """A scan as the mixing calls it.

    Args:
        run: u, delta (M, B, L, K, E), B, C (M, B, L, K, N), z (M, B, L, E) or None, and the scan's parameters -> y
            (M, B, L, K, E), gated by z if there is one.
        again: whether it is run again in the backward pass in any case.
        at_once: sequences of a part, at most.
    """

    run: Callable[..., Tensor]
    again: bool = False
    at_once: int | None = None


def mixing(x: Tensor, mask: Tensor | None, weights: Weights, scan: Scan) -> Tensor:
    """Mix over time, and modalities.

    Args:
        x: (M, B, L, d), or (B, L, d) where M is 1.
        mask: (M, B, L) or (B, L), True where a frame counts, or None.
        weights: products are computed in x's number format, or in autocast's.
        scan: how to scan.

    Returns:
        As x. It can be differentiated once.
    """
    device = x.device.type
    if torch.is_autocast_enabled(device) and x.dtype != torch.float64:
        x = x.to(torch.get_autocast_dtype(device))
    hidden = None if mask is None else ~mask
    with torch.autocast(device, enabled=False):
        return cast(Tensor, _Mixing.apply(scan, torch.is_grad_enabled(), x, hidden, *weights))


class _Mixing(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scan: Scan, recorded: bool, x: Tensor, mask: Tensor | None, *given: Tensor
    ) -> Tensor:
        w = Weights(*given).ready(x.dtype)
        out = x.new_empty(x.shape)
        entered, left, hidden = _all_axes(x, out, mask)
        size = w.conv_bias.numel() * entered.shape[1] * entered.shape[2]  # numbers of u
        ctx.scan, ctx.rows = scan, _parts(entered, size, scan)
        ctx.small = x.device.type == "cpu" and not scan.again and size <= SMALL
        ctx.again = scan.again or (w.conv.shape[2] > 1 and not ctx.small)
        recorded = recorded and any(ctx.needs_input_grad)
        ctx.graphs, ctx.lengths, saved = [], [], []
        for rows in ctx.rows:
            masked = _of(hidden, rows)
            part = select(enter(entered[:, rows], masked, w), masked, w)
            if recorded and not ctx.again:
                graph = Recorded(scan.run, part.inputs(w), part.tensors)
                kept = [graph.y, *(part.tensors if ctx.small else [part.xz]), *graph.take_kept()]
                ctx.graphs.append(graph)
                y = graph.y
            else:
                y, kept = scan.run(*part.inputs(w)), [part.xz]
            leave(y, part, w, left[:, rows])
            if recorded:
                saved += kept
                ctx.lengths.append(len(kept))
        ctx.save_for_backward(x, mask, *given, *saved)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, mask, *tensors = ctx.saved_tensors
        given, saved = Weights(*tensors[: len(Weights._fields)]), iter(tensors[len(Weights._fields) :])
        w = given.ready(x.dtype)
        sums = Sums(dict(zip(Weights._fields, ctx.needs_input_grad[4:], strict=True)))
        found = x.new_empty(x.shape) if ctx.needs_input_grad[2] else None
        entered, of_x, grad, hidden = _all_axes(x, found, grad, mask)
        for i, rows in enumerate(ctx.rows):
            masked = _of(hidden, rows)
            y, part, of_scan = _again(ctx, i, list(islice(saved, ctx.lengths[i])), masked, w)
            of_xz = back(grad[:, rows], y, part, of_scan, w, sums).flatten(1, 2)
            if sums.wanted["enter"]:
                sums.add_product("enter", of_xz, shown(entered[:, rows], masked).flatten(1, 2))
            if of_x is not None:
                torch.bmm(of_xz, w.enter, out=of_x[:, rows].flatten(1, 2))
        if of_x is not None and hidden is not None:
            of_x.masked_fill_(hidden.unsqueeze(-1), 0)
        if "leave" in sums.found:
            sums.found["leave"] /= w.conv.shape[2]
        if "rates" in sums.found:
            sums.found["rates"] *= w.rates
        return None, None, found, None, *(sums.of(name, t) for name, t in given._asdict().items())


def _again(
    ctx: Any, i: int, kept: list[Tensor], hidden: Tensor | None, w: Weights
) -> tuple[Tensor, Part, Callable[[Tensor], list[Tensor | None]]]:
    """The scan's output, what was scanned, and the scan's gradients given the output's."""
    wanted = [True] * 5 + list(ctx.needs_input_grad[-4:])
    if ctx.again:
        part = select(kept[0], hidden, w)
        graph = Recorded(ctx.scan.run, part.inputs(w), part.tensors)
        y, rest = graph.y, graph.take_kept()
    elif ctx.small:
        graph, (y, *four), rest = ctx.graphs[i], kept[:5], kept[5:]
        part = Part(*four)
    else:
        graph, (y, xz, *rest) = ctx.graphs[i], kept
        part = select(xz, hidden, w)
    return y, part, partial(graph.gradients, wanted=wanted, known=part.tensors, kept=rest)


def _of(masked: Tensor | None, rows: slice) -> Tensor | None:
    return None if masked is None else masked[:, rows]


def _all_axes(x: Tensor, *others: Tensor | None) -> list[Any]:
    """All with the axis of modalities, if x has it or not."""
    return [t if t is None or x.dim() == 4 else t[None] for t in (x, *others)]


def _parts(x: Tensor, size: int, scan: Scan) -> list[slice]:
    """Sequences by the handful; how many depends on their shape alone, and so does the order of every sum."""
    batch = x.shape[1]
    at_once = CACHED * batch // max(1, size) if x.device.type == "cpu" else batch
    at_once = max(1, min(at_once, scan.at_once or batch))
    return [slice(i, i + at_once) for i in range(0, batch, at_once)]
