"""The reference backend: both scans as loops over time in torch, readable and differentiable in any dtype.

It is the definition that every other backend is tested against. Time is taken apart by ``unbind``, whose backward
is one stack; indexing ``x[t]`` would write a full-size gradient a step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from affectssm.ssm.arguments import Coupled, ScanOverflowError, Selective, state_dtype

NAME = "reference"


def why_not(asked: Selective | Coupled) -> str | None:
    """It can do everything."""
    return None


def selective(asked: Selective) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N)."""
    parts = [_one_group(asked, g) for g in range(len(asked.reverse))]
    y = torch.cat([y for y, _ in parts], dim=1)
    return y.to(asked.u.dtype), torch.cat([state for _, state in parts], dim=1)


def coupled(asked: Coupled) -> tuple[Tensor, Tensor]:
    """y (M, B, D, L) and the last states (M, B, D, N)."""
    dtype = state_dtype(asked.u)
    bias = None if asked.delta_bias is None else asked.delta_bias[:, None, :, None]
    u, step = asked.u.to(dtype), _step(asked.delta, bias, asked.delta_softplus, dtype)
    A = asked.A.to(dtype).unsqueeze(-3)  # (M, 1, D, N), or (M, M, 1, D, N)
    into, out = (t.to(dtype) for t in (asked.B, asked.C))
    h = u.new_zeros(*u.shape[:3], A.shape[-1])
    ys: list[Tensor] = []
    for t, (x, dt, b, c) in enumerate(_steps(asked.reverse, u, step, into, out)):
        decay, gain = discretise(dt[..., None], A, asked.discretisation)
        if asked.coupling == "pairwise":
            kept, gain = _from_each(h, decay, gain)
        else:
            kept = decay * _couple(h, asked, dtype)
        h = kept + gain * b[:, :, None] * x[..., None]
        if asked.coupling == "sum" and not torch.isfinite(h).all():
            raise ScanOverflowError(t, u.shape[-1])
        ys.append((h * c[:, :, None]).sum(-1))
    y = torch.stack(ys[::-1] if asked.reverse else ys, dim=-1)
    skip = None if asked.D is None else asked.D.to(dtype)[:, None, :, None]
    return _finish(y, u, skip, asked.z).to(asked.u.dtype), h


def _couple(h: Tensor, asked: Coupled, dtype: torch.dtype) -> Tensor:
    """What enters the transition in place of a modality's own state; h (M, B, D, N)."""
    if asked.mix is not None:
        return torch.einsum("mj,jbdn->mbdn", asked.mix.to(dtype), h)
    if asked.coupling == "none":
        return h
    pooled = h.sum(0, keepdim=True)
    return pooled / len(h) if asked.coupling == "mean" else pooled


def _from_each(h: Tensor, decay: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of all states, each through its transition (M from, M to, B, D, N); the gain of the own rates."""
    if gain.dim() == decay.dim():  # it has rates in it, for every pair
        gain = gain.diagonal(dim1=0, dim2=1).movedim(-1, 0)
    return (decay * h[:, None]).mean(0), gain


def _one_group(asked: Selective, g: int) -> tuple[Tensor, Tensor]:
    """y (B, D/G, L) before rounding and the last state (B, D/G, N) of the channels of one group."""
    dtype = state_dtype(asked.u)
    width = asked.u.shape[1] // len(asked.reverse)
    own = slice(g * width, (g + 1) * width)
    bias = None if asked.delta_bias is None else asked.delta_bias[own, None]
    u, step = asked.u[:, own].to(dtype), _step(asked.delta[:, own], bias, asked.delta_softplus, dtype)
    A = asked.A[own].to(dtype)
    into, out = asked.B[:, g].to(dtype), asked.C[:, g].to(dtype)
    h = u.new_zeros(len(u), width, A.shape[1])
    ys: list[Tensor] = []
    for x, dt, b, c in _steps(asked.reverse[g], u, step, into, out):
        decay, gain = discretise(dt[..., None], A, asked.discretisation)  # (B, D/G, N) each
        h = decay * h + gain * b[:, None] * x[..., None]
        ys.append((h * c[:, None]).sum(-1))
    y = torch.stack(ys[::-1] if asked.reverse[g] else ys, dim=-1)
    skip = None if asked.D is None else asked.D[own].to(dtype)[:, None]
    return _finish(y, u, skip, None if asked.z is None else asked.z[:, own]), h


def discretise(dt: Tensor, A: Tensor, rule: str) -> tuple[Tensor, Tensor]:
    """What multiplies the state, and what multiplies B u, for a step dt of a diagonal system with rates A.

    ``mamba``: exp(dt A), dt (an Euler step of the input). ``zoh`` (Coupled Mamba eq. 2): exp(dt A) and
    (exp(dt A) - 1) / A. ``bilinear`` (BiM-TTA): (1 + dt A / 2) / (1 - dt A / 2) and dt / (1 - dt A / 2).
    """
    if rule == "bilinear":
        below = 1 - dt * A / 2
        return (1 + dt * A / 2) / below, dt / below
    decay = torch.exp(dt * A)
    if rule == "zoh":
        still = A == 0  # the limit is dt
        return decay, torch.where(still, dt, torch.expm1(dt * A) / torch.where(still, 1, A))
    return decay, dt


def _step(delta: Tensor, bias: Tensor | None, softplus: bool, dtype: torch.dtype) -> Tensor:
    step = delta.to(dtype)
    if bias is not None:
        step = step + bias.to(dtype)
    return F.softplus(step) if softplus else step


def _steps(reverse: bool, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """The tensors step by step in the order of the recurrence; time is the last axis."""
    steps = list(zip(*(t.unbind(-1) for t in tensors), strict=True))
    return steps[::-1] if reverse else steps


def _finish(y: Tensor, u: Tensor, skip: Tensor | None, z: Tensor | None) -> Tensor:
    if skip is not None:
        y = torch.addcmul(y, u, skip)
    return y if z is None else y * F.silu(z.to(y.dtype))
