"""The Mamba mixer, in one or in both directions of time.

Letters: B batch, L steps, d model width, E = expand * d inner width, N states a channel, R rank of the step-size
projection, K directions (1 or 2). Both directions share the input projection, the output projection and the gate;
each has its own convolution, x_proj, dt_proj, A and D (Vision Mamba's layout), and the block returns the mean of
the two. Where the bidirectional code that BiM-TTA released runs one direction only, ``bidirectional=False`` does so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from affectssm.ssm.scan import selective_scan

DT_MIN, DT_MAX = 1e-3, 1e-1


class ScanInputs(NamedTuple):
    """What a mixer hands to the scan, channels last; its K directions are K groups of channels."""

    u: Tensor  # (B, L, K*E)
    delta: Tensor  # (B, L, K*E)
    A: Tensor  # (K*E, N)
    B: Tensor  # (B, L, K, N)
    C: Tensor  # (B, L, K, N)
    D: Tensor  # (K*E,)


class BiMamba(nn.Module):
    """Mamba mixer over (B, L, d), without norm and without residual.

    Args:
        d_model: width d.
        d_state: states N a channel.
        d_conv: steps the causal depthwise convolution sees.
        expand: E / d.
        dt_rank: R; default ceil(d / 16), as in Mamba.
        bidirectional: both directions of time (K = 2), or the past only (K = 1).
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        dt_rank: int | None = None,
        bidirectional: bool = True,
    ) -> None:
        super().__init__()
        self.d_inner, self.d_state = expand * d_model, d_state
        self.dt_rank = dt_rank or math.ceil(d_model / 16)
        self.directions = 2 if bidirectional else 1
        k, e = self.directions, self.d_inner
        self.in_proj = nn.Linear(d_model, 2 * e, bias=False)
        self.out_proj = nn.Linear(e, d_model, bias=False)
        self.conv_weight = nn.Parameter(torch.empty(d_conv, k, e))
        self.conv_bias = nn.Parameter(torch.empty(k, e))
        self.x_proj = nn.Parameter(torch.empty(k, self.dt_rank + 2 * d_state, e))
        self.dt_proj = nn.Parameter(torch.empty(k, e, self.dt_rank))
        self.dt_bias = nn.Parameter(torch.empty(k, e))
        self.A_log = nn.Parameter(torch.empty(k, e, d_state))
        self.D = nn.Parameter(torch.empty(k, e))
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Mamba's initialisation, the same for every direction: A_n = -n (S4D-real), steps of 1e-3 to 0.1."""
        fans = {"conv_weight": self.conv_weight.shape[0], "conv_bias": self.conv_weight.shape[0]}
        fans |= {"x_proj": self.d_inner, "dt_proj": self.dt_rank}
        for name, fan_in in fans.items():
            nn.init.uniform_(self.get_parameter(name), -(fan_in**-0.5), fan_in**-0.5)
        step = torch.exp(torch.empty_like(self.dt_bias).uniform_(math.log(DT_MIN), math.log(DT_MAX)))
        self.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))  # the inverse of softplus
        self.A_log.copy_(torch.arange(1, self.d_state + 1).log().expand_as(self.A_log))
        self.D.fill_(1.0)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix over time.

        Args:
            x: (B, L, d).
            mask: (B, L), True where a frame counts. A masked frame is invisible to the others: its input is zero
                and its step size is zero, so the state passes through unchanged. Its own output means nothing.
        """
        return mix_together([self], [x], mask)[0]

    def scan_inputs(self, x: Tensor, mask: Tensor | None) -> tuple[ScanInputs, Tensor]:
        """The scan's arguments and the gate z (B, L, E) for x (B, L, d)."""
        inner, z = self.in_proj(x).chunk(2, dim=-1)  # (B, L, E) each
        if mask is not None:
            inner = inner * mask.unsqueeze(-1)
        u = F.silu(self._convolve(self._turn(inner)))  # (B, L, K, E)
        rank, b, c = _project(u, self.x_proj).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        delta = F.softplus(_project(rank, self.dt_proj) + self.dt_bias)  # (B, L, K, E)
        if mask is not None:
            delta = delta * self._turn(mask.unsqueeze(-1))
        inputs = ScanInputs(
            u.flatten(2),
            delta.flatten(2),
            -torch.exp(self.A_log.float()).flatten(0, 1),
            b,
            c,
            self.D.flatten(),
        )
        return inputs, z

    def finish(self, y: Tensor, z: Tensor) -> Tensor:
        """Mean of the directions, gate and output projection: y (B, L, K*E), z (B, L, E) -> (B, L, d)."""
        if self.directions == 2:
            forward, backward = y.chunk(2, dim=-1)
            y = 0.5 * (forward + backward.flip(1))
        return self.out_proj(y * F.silu(z))

    def _turn(self, x: Tensor) -> Tensor:
        """(B, L, E) -> (B, L, K, E): as it is and, when bidirectional, turned round in time."""
        return torch.stack([x, x.flip(1)], dim=2) if self.directions == 2 else x.unsqueeze(2)

    def _convolve(self, x: Tensor) -> Tensor:
        """Causal depthwise convolution of (B, L, K, E) along L: a sum of shifted products."""
        width, length = self.conv_weight.shape[0], x.shape[1]
        padded = F.pad(x, (0, 0, 0, 0, width - 1, 0))
        y: Tensor = self.conv_bias
        for j, tap in enumerate(self.conv_weight):
            y = torch.addcmul(y, padded[:, j : j + length], tap)
        return y


def _project(x: Tensor, weight: Tensor) -> Tensor:
    """x (B, L, K, in) and a weight (K, out, in) a direction -> (B, L, K, out), one matrix product a direction."""
    products = [F.linear(part, w) for part, w in zip(x.unbind(2), weight, strict=True)]
    return torch.stack(products, dim=2)


def mix_together(mixers: Sequence[BiMamba], xs: Sequence[Tensor], mask: Tensor | None = None) -> list[Tensor]:
    """Run mixers of equal size, each on its own (B, L, d), through ONE scan.

    The time loop costs about the same for one group of channels as for several, so stacks that run side by
    side (the audio and the visual group, two directions each) share it. The result is that of separate calls.
    """
    prepared = [mixer.scan_inputs(x, mask) for mixer, x in zip(mixers, xs, strict=True)]
    u, delta, A, B, C, D = (list(parts) for parts in zip(*(inputs for inputs, _ in prepared), strict=True))
    scanned = selective_scan(
        torch.cat(u, dim=2).transpose(1, 2),
        torch.cat(delta, dim=2).transpose(1, 2),
        torch.cat(A),
        torch.cat(B, dim=2).movedim(1, 3),
        torch.cat(C, dim=2).movedim(1, 3),
        torch.cat(D),
    )
    ys = cast(Tensor, scanned).transpose(1, 2).chunk(len(mixers), dim=2)  # (B, L, K*E) each
    return [mixer.finish(part, z) for mixer, part, (_, z) in zip(mixers, ys, prepared, strict=True)]
