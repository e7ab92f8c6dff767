"""A part of a batch on its way through a mixer and back; words and letters as in affectssm.ssm.mixing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from affectssm.ssm.arguments import state_dtype
from affectssm.ssm.conv import convolved, convolved_back

NO_STEP = -1e4  # softplus of it is 0 in every number format, and so is the slope
_silu_back_into = torch.ops.aten.silu_backward.grad_input


class Weights(NamedTuple):
    """A mixer's parameters; where M is 1, its axis may be left out of the first six."""

    enter: Tensor  # (M, 2E, d)
    conv: Tensor  # (W, M, K, E)
    conv_bias: Tensor  # (M, K, E)
    select: Tensor  # (G, R + 2N, E)
    step: Tensor  # (G, E, R)
    leave: Tensor  # (M, d, E)
    rates: Tensor  # log(-A), the last four in whatever shapes the scan wants
    skip: Tensor
    step_bias: Tensor
    mix: Tensor | None = None

    @property
    def of_scan(self) -> tuple[Tensor | None, ...]:
        return self.rates, self.skip, self.step_bias, self.mix

    def ready(self, dtype: torch.dtype) -> Weights:
        """What is computed with: a number format, all axes, A. What leaves is divided by K, for the mean of as many."""
        enter, conv, conv_bias, select, step, leave = (
            t if t.dtype == dtype else t.to(dtype) for t in self[:6]
        )
        if enter.dim() == 2:
            enter, conv, conv_bias, leave = enter[None], conv[:, None], conv_bias[None], leave[None]
        if conv.shape[2] > 1:
            leave = leave / conv.shape[2]
        rates = -torch.exp(self.rates.to(state_dtype(self.rates)))
        return Weights(enter, conv, conv_bias, select, step, leave, rates, *self[7:])


class Sums:
    """Gradients of weights, added up over parts in the state's number format."""

    def __init__(self, wanted: dict[str, bool]) -> None:
        self.wanted = wanted
        self.found: dict[str, Tensor] = {}

    def add(self, name: str, value: Tensor | None) -> None:
        """Add to what is wanted."""
        if value is None or not self.wanted[name]:
            return
        total = self.found.get(name)
        self.found[name] = value.to(state_dtype(value)) if total is None else total.add_(value)

    def of(self, name: str, weight: Tensor | None) -> Tensor | None:
        """The gradient of a weight, zero where nothing was added; None where it is not wanted."""
        if weight is None or not self.wanted[name]:
            return None
        found = self.found.get(name)
        return torch.zeros_like(weight) if found is None else found.to(weight.dtype).view(weight.shape)

    def add_product(self, name: str, one: Tensor, two: Tensor) -> None:
        """Add the transposed of one (., rows, m) times two (., rows, n) to what is wanted."""
        total = self.found.get(name)
        if total is None or total.dtype != one.dtype:
            if self.wanted[name]:
                self.add(name, torch.bmm(one.mT, two))
        else:
            total.baddbmm_(one.mT, two)


@dataclass(frozen=True)
class Part:
    """What a part is before it is scanned."""

    xz: Tensor  # (M, B, L, 2E), what is convolved and the gate's input
    u: Tensor  # (M, B, L, K, E)
    selected: Tensor  # (M, B, L, K, R + 2N), step sizes' ranks, B and C
    delta: Tensor  # (M, B, L, K, E), before bias and softplus

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return self.xz, self.u, self.selected, self.delta

    def inputs(self, w: Weights) -> tuple[Tensor | None, ...]:
        """What a scan is called with."""
        _, b, c = self.split(self.selected, w)
        return self.u, self.delta, b, c, self.gate if self.u.shape[3] == 1 else None, *w.of_scan

    @property
    def inner(self) -> Tensor:
        return self.xz.chunk(2, dim=-1)[0]

    @property
    def gate(self) -> Tensor:
        return self.xz.chunk(2, dim=-1)[1]

    @staticmethod
    def split(selected: Tensor, w: Weights) -> tuple[Tensor, ...]:
        rank = w.step.shape[2]
        states = (w.select.shape[1] - rank) // 2
        return selected.split([rank, states, states], dim=-1)


def shown(x: Tensor, hidden: Tensor | None) -> Tensor:
    """x with zeros where it is hidden."""
    return x if hidden is None else x.masked_fill(hidden.unsqueeze(-1), 0)


def enter(x: Tensor, hidden: Tensor | None, w: Weights) -> Tensor:
    """(M, B, L, d) -> xz."""
    return torch.bmm(shown(x, hidden).flatten(1, 2), w.enter.mT).unflatten(1, x.shape[1:3])


def select(xz: Tensor, hidden: Tensor | None, w: Weights) -> Part:
    """What is scanned, of xz."""
    u = convolved(xz.chunk(2, dim=-1)[0], w.conv, w.conv_bias)
    selected = u.new_empty(*u.shape[:4], w.select.shape[1])
    torch.bmm(_groups(u), w.select.mT, out=_groups(selected))
    delta = torch.empty_like(u)
    torch.bmm(_groups(Part.split(selected, w)[0]), w.step.mT, out=_groups(delta))
    if hidden is not None:
        delta.masked_fill_(hidden[..., None, None], NO_STEP)
    return Part(xz, u, selected, delta)


def leave(y: Tensor, part: Part, w: Weights, out: Tensor) -> None:
    """The scan's y -> the mixer's answer."""
    gated = y.squeeze(3) if y.shape[3] == 1 else (y[..., 0, :] + y[..., 1, :]).mul_(F.silu(part.gate))
    torch.bmm(gated.flatten(1, 2), w.leave.mT, out=out.flatten(1, 2))


def back(
    grad: Tensor,
    y: Tensor,
    part: Part,
    of_scan: Callable[[Tensor], list[Tensor | None]],
    w: Weights,
    sums: Sums,
) -> Tensor:
    """From the answer's gradient to that of xz.

    of_scan: the gradient of its y -> those of its inputs.
    """
    of_xz = torch.empty_like(part.xz)
    of_inner, of_gate = of_xz.chunk(2, dim=-1)
    of_y = _back_to_scan(grad, y, part, of_gate, w, sums)
    *of_signals, found_of_gate, rates, skip, step_bias, mix = of_scan(of_y)
    of_u, of_delta, of_b, of_c = cast(list[Tensor], of_signals)
    for name, value in zip(Weights._fields[6:], (rates, skip, step_bias, mix), strict=True):
        sums.add(name, value)
    if found_of_gate is not None:
        of_gate.copy_(found_of_gate)
    of_selected = torch.empty_like(part.selected)
    of_rank, *of_projections = Part.split(of_selected, w)
    torch.bmm(_groups(of_delta), w.step, out=_groups(of_rank))
    for target, source in zip(of_projections, (of_b, of_c), strict=True):
        target.copy_(source)
    sums.add_product("step", _groups(of_delta), _groups(Part.split(part.selected, w)[0]))
    sums.add_product("select", _groups(of_selected), _groups(part.u))
    of_u = of_u.contiguous()  # as the kernels write it
    _groups(of_u).baddbmm_(_groups(of_selected), w.select)
    of_conv, of_bias = convolved_back(of_u, part.inner, w.conv, w.conv_bias, of_inner)
    sums.add("conv", of_conv)
    sums.add("conv_bias", of_bias)
    return of_xz


def _back_to_scan(grad: Tensor, y: Tensor, part: Part, of_gate: Tensor, w: Weights, sums: Sums) -> Tensor:
    """The gradient of the scan's y; that of the gate is written where the gate is not the scan's business."""
    grad = grad.flatten(1, 2)
    of_gated = torch.bmm(grad, w.leave).view(part.gate.shape)
    if y.shape[3] == 1:
        sums.add_product("leave", grad, y.squeeze(3).flatten(1, 2))
        return of_gated.unsqueeze(3)
    summed, opened = y[..., 0, :] + y[..., 1, :], F.silu(part.gate)
    of_y = torch.empty_like(y)
    for k in range(y.shape[3]):
        torch.mul(of_gated, opened, out=of_y[..., k, :])
    _silu_back_into(of_gated.mul_(summed), part.gate, grad_input=of_gate)
    sums.add_product("leave", grad, summed.mul_(opened).flatten(1, 2))
    return of_y


def _groups(t: Tensor) -> Tensor:
    """(M, B, L, K, .) -> (G, B * L, .), the same memory."""
    return t.flatten(1, 3) if t.shape[3] == 1 else t.flatten(0, 2).transpose(0, 1)
