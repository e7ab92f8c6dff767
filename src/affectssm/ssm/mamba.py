"""The Mamba mixer, in one or in both directions of time.

Letters: B batch, L steps, d model width, E = expand * d inner width, N states a channel, R rank of the step-size
projection, W steps a convolution sees, K directions (1 or 2). Both directions share the input projection, the output
projection and the gate; each has its own convolution, x_proj, dt_proj, A and D (Vision Mamba's layout), and the block
returns the mean of the two. The directions are groups of channels of one scan; the second is convolved and scanned
from the end, so nothing is flipped. ``Mamba`` is the mixer of one direction. All of it is one function of autograd
(:mod:`affectssm.ssm.mixing`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectssm.ssm.arguments import state_dtype
from affectssm.ssm.init import initialise
from affectssm.ssm.mixing import Scan, mixing
from affectssm.ssm.mixing_part import Weights
from affectssm.ssm.scan import selective_scan


class MixerState(NamedTuple):
    """What a mixer remembers from one frame to the next."""

    window: Tensor  # (B, W-1, E), what the convolution saw last
    h: Tensor  # (B, E, N)


class BiMamba(nn.Module):
    """Mamba mixer over (B, L, d), without norm and without residual.

    Args:
        d_model: width d.
        d_state: states N a channel.
        d_conv: steps W the depthwise convolution sees.
        expand: E / d.
        dt_rank: R; default ceil(d / 16), as in Mamba.
        bidirectional: both directions of time (K = 2), or the past only (K = 1).
        init: ``mamba`` or ``charon`` (affectssm.ssm.init).

    Raises:
        ValueError: for an unknown ``init``.
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        dt_rank: int | None = None,
        bidirectional: bool = True,
        init: str = "mamba",
    ) -> None:
        super().__init__()
        self.d_inner, self.d_state = expand * d_model, d_state
        self.dt_rank = dt_rank or math.ceil(d_model / 16)
        self.bidirectional = bidirectional
        k, e = 1 + bidirectional, self.d_inner
        self.in_proj = nn.Linear(d_model, 2 * e, bias=False)
        self.out_proj = nn.Linear(e, d_model, bias=False)
        self.conv_weight = nn.Parameter(torch.empty(d_conv, k, e))
        self.conv_bias = nn.Parameter(torch.empty(k, e))
        self.x_proj = nn.Parameter(torch.empty(k, self.dt_rank + 2 * d_state, e))
        self.dt_proj = nn.Parameter(torch.empty(k, e, self.dt_rank))
        self.dt_bias = nn.Parameter(torch.empty(k, e))
        self.A_log = nn.Parameter(torch.empty(k, e, d_state))
        self.D = nn.Parameter(torch.empty(k, e))
        initialise(self, init)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix over time.

        Args:
            x: (B, L, d).
            mask: (B, L), True where a frame counts. A masked frame is invisible to the others: its input is zero
                and its step size is zero, so the state passes through unchanged. Its own output is zero.
        """
        weights = Weights(
            self.in_proj.weight, self.conv_weight, self.conv_bias, self.x_proj, self.dt_proj, self.out_proj.weight,
            self.A_log, self.D, self.dt_bias,
        )  # fmt: skip
        return mixing(x, mask, weights, Scan(_scan))

    def initial_state(self, batch: int) -> MixerState:
        """The state before the first frame: float32, float64 for a float64 mixer.

        Raises:
            ValueError: for a bidirectional mixer, which needs the future.
        """
        self._refuse_both_directions()
        width, dtype = len(self.conv_weight), state_dtype(self.A_log)
        return MixerState(
            self.A_log.new_zeros(batch, width - 1, self.d_inner, dtype=dtype),
            self.A_log.new_zeros(batch, self.d_inner, self.d_state, dtype=dtype),
        )

    def step(self, x: Tensor, state: MixerState, mask: Tensor | None = None) -> tuple[Tensor, MixerState]:
        """One frame of ``forward``.

        Args:
            x: (B, d).
            state: of ``initial_state`` or of the frame before; it is not changed.
            mask: (B,), as in ``forward``.

        Returns:
            y (B, d) and the state after the frame.

        Raises:
            ValueError: for a bidirectional mixer, which needs the future.
        """
        self._refuse_both_directions()
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0)
        inner, z = self.in_proj(x).chunk(2, dim=-1)  # (B, E) each
        window = torch.cat([state.window, inner.to(state.window).unsqueeze(1)], dim=1)  # (B, W, E)
        u = F.silu((window * self.conv_weight[:, 0]).sum(1) + self.conv_bias[0]).to(inner)  # (B, E)
        rank, b, c = F.linear(u, self.x_proj[0]).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        delta, b, c = (t.to(state.h) for t in (F.linear(rank, self.dt_proj[0]), b, c))
        delta = F.softplus(delta + self.dt_bias[0])
        if mask is not None:
            delta = delta.masked_fill(~mask.unsqueeze(-1), 0)
        delta = delta.unsqueeze(-1)  # (B, E, 1)
        h = torch.exp(delta * self.rates()[0]) * state.h + delta * b.unsqueeze(1) * u.unsqueeze(-1)
        y = (h * c.unsqueeze(1)).sum(-1) + self.D[0] * u
        y = (y * F.silu(z)).to(inner)
        return self.out_proj(y), MixerState(window[:, 1:], h)

    def rates(self) -> Tensor:
        """A (K, E, N) in the state's number format."""
        return -torch.exp(self.A_log.to(state_dtype(self.A_log)))

    def _refuse_both_directions(self) -> None:
        if self.bidirectional:
            raise ValueError(
                "a bidirectional mixer needs the future and cannot go frame by frame; take Mamba"
            )


class Mamba(BiMamba):
    """Mamba's own mixer, ``BiMamba`` without the direction from the end; goes frame by frame as well (``step``)."""

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        dt_rank: int | None = None,
        init: str = "mamba",
    ) -> None:
        super().__init__(d_model, d_state, d_conv, expand, dt_rank, bidirectional=False, init=init)


def _scan(
    u: Tensor,
    delta: Tensor,
    b: Tensor,
    c: Tensor,
    z: Tensor | None,
    rates: Tensor,
    *others: Any,
) -> Tensor:
    """(1, B, L, K, .) each -> (1, B, L, K, E)."""
    batch, length = u.shape[1:3]
    skip, bias, _ = others
    y = selective_scan(
        u.view(batch, length, -1).mT,
        delta.view(batch, length, -1).mT,
        rates.flatten(0, 1),
        b.squeeze(0).movedim(1, 3),
        c.squeeze(0).movedim(1, 3),
        skip.flatten(),
        None if z is None else z.squeeze(0).mT,
        delta_bias=bias.flatten(),
        delta_softplus=True,
        reverse=(False, True)[: len(skip)],
    )
    return cast(Tensor, y).mT.reshape(u.shape)
