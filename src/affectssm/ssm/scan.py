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
    step = delta.to(dtype)
    if delta_bias is not None:
        step = step + delta_bias.to(dtype)[:, None]
    if delta_softplus:
        step = F.softplus(step)
    B, C = (_grouped(projection).to(dtype) for projection in (B, C))
    y, state = _recurrence(u.to(dtype), step, A.to(dtype), B, C, None if D is None else D.to(dtype))
    if z is not None:
        y = y * F.silu(z.to(dtype))
    y = y.to(u.dtype)
    return (y, state) if return_last_state else y


def _grouped(projection: Tensor) -> Tensor:
    """(B, N, L) or (B, G, N, L) -> (B, G, N, L)."""
    return projection.unsqueeze(1) if projection.dim() == 3 else projection


def _recurrence(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None
) -> tuple[Tensor, Tensor]:
    """y (B, D, L) and the last state (B, D, N) of u, delta (B, D, L), A (D, N), B and C (B, G, N, L), D (D,).

    Time comes first and channels last, so that every step is a dense vector operation on a state (B, G, N, D/G).
    Time is taken apart by ``unbind``, whose backward is one stack; indexing ``x[t]`` would write a full-size gradient
    a step.
    """
    batch, channels, length = u.shape
    groups, states = B.shape[1], B.shape[2]
    width = channels // groups
    rates = A.view(groups, width, states).transpose(1, 2).contiguous()  # (G, N, D/G)
    x, step = (_time_first(t.view(batch, groups, 1, width, length)) for t in (u, delta))  # (L, B, G, 1, D/G)
    into, out = (_time_first(t.unsqueeze(-2)) for t in (B, C))  # (L, B, G, N, 1)
    h = u.new_zeros(batch, groups, states, width)
    ys = []
    for step_t, x_t, b, c in zip(
        step.unbind(), (step * x).unbind(), into.unbind(), out.unbind(), strict=True
    ):
        h = torch.exp(step_t * rates) * h + x_t * b  # (B, G, N, D/G)
        ys.append((c * h).sum(2))  # (B, G, D/G)
    y = torch.stack(ys)  # (L, B, G, D/G)
    if D is not None:
        y = torch.addcmul(y, x.squeeze(3), D.view(groups, width))
    return y.flatten(2).movedim(0, 2), h.transpose(2, 3).reshape(batch, channels, states)


def _time_first(x: Tensor) -> Tensor:
    """(..., L) -> (L, ...), contiguous."""
    return x.movedim(-1, 0).contiguous()
