"""The selective scan: the recurrence of Mamba (Gu and Dao 2023, eq. 2), readable and differentiable.

Letters used here and in :mod:`affectssm.ssm.mamba`: B batch, L steps, D channels, N states a channel, G groups of
channels that share one input and one output projection. Per channel d and state n,

    h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t        y_t = sum_n C_t h_t + D u_t

so ``delta_t = 0`` is a step that leaves the state alone. The arguments and their meaning are those of ``mamba_ssm``'s
``selective_scan_fn``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Run the recurrence over the last axis.

    Args:
        u: input (B, D, L).
        delta: step sizes (B, D, L), before ``delta_bias`` and ``delta_softplus``.
        A: decay rates (D, N), negative for a stable system.
        B, C: input and output projections (B, N, L), or (B, G, N, L): channel d belongs to group d // (D / G).
        D: skip (D,); z: gate (B, D, L), the output is multiplied by silu(z); delta_bias: (D,).
        return_last_state: also return h_L, (B, D, N).

    Returns:
        y (B, D, L) in u's dtype. The state is kept in float32 (float64 for float64 inputs) whatever that is.
    """
    dtype = torch.float64 if u.dtype == torch.float64 else torch.float32
    x, step = u.to(dtype), delta.to(dtype)
    if delta_bias is not None:
        step = step + delta_bias.to(dtype)[:, None]
    if delta_softplus:
        step = F.softplus(step)
    y, state = _recurrence(x, step, A.to(dtype), _grouped(B).to(dtype), _grouped(C).to(dtype))
    if D is not None:
        y = y + x * D.to(dtype)[:, None]
    if z is not None:
        y = y * F.silu(z.to(dtype))
    y = y.to(u.dtype)
    return (y, state) if return_last_state else y


def _grouped(projection: Tensor) -> Tensor:
    """(B, N, L) or (B, G, N, L) -> (B, G, N, L)."""
    return projection.unsqueeze(1) if projection.dim() == 3 else projection


def _recurrence(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N) of u, delta (B, D, L), A (D, N), B and C (B, G, N, L).

    The state is (B, G, N, D/G): channels innermost, so that every step is a dense vector operation. Time is taken
    apart by ``unbind``, whose backward is one stack; indexing ``x[..., t]`` would write a full-size gradient a step.
    """
    batch, channels, length = u.shape
    groups, states = B.shape[1], B.shape[2]
    width = channels // groups
    rates = A.view(groups, width, states).transpose(1, 2).contiguous()  # (G, N, D/G)
    steps = _by_time(delta.view(batch, groups, 1, width, length))  # L times (B, G, 1, D/G)
    inputs = _by_time((delta * u).view(batch, groups, 1, width, length))
    into, out = _by_time(B.unsqueeze(-2)), _by_time(C.unsqueeze(-2))  # L times (B, G, N, 1)
    h = u.new_zeros(batch, groups, states, width)
    ys = []
    for step, x, b, c in zip(steps, inputs, into, out, strict=True):
        h = torch.addcmul(x * b, torch.exp(step * rates), h)  # (B, G, N, D/G)
        ys.append((c * h).sum(2))  # (B, G, D/G)
    y = torch.stack(ys).movedim(0, -1).reshape(batch, channels, length)
    return y, h.transpose(2, 3).reshape(batch, channels, states)


def _by_time(x: Tensor) -> tuple[Tensor, ...]:
    """Split (..., L) into L contiguous pieces; the last two axes of B and C arrive as (1, L)."""
    return x.movedim(-1, 0).contiguous().unbind(0)
