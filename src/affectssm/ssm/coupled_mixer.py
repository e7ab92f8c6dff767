"""Mamba mixers of several modalities, a scan's states coupled (Coupled Mamba, Li et al. 2024, algorithm 1).

Letters as in :mod:`affectssm.ssm.mamba`, and M modalities. Every modality has a mixer of its own (projections,
convolution, rates); what they share is the scan (:mod:`affectssm.ssm.coupled`).

A masked step of a modality has a step size of zero: no input enters, and its transition is one. Without coupling its
state is carried unchanged; with coupling it becomes what the coupling makes of all states, so a modality that is not
there hands on what the others remember and adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from affectssm.ssm.coupled import coupled_scan
from affectssm.ssm.init import DT_MAX, DT_MIN, draw_step_sizes
from affectssm.ssm.mamba import Mamba

AT_ONCE = 64  # sequences of a scan by the reference: 4 GB at Coupled Mamba's size and 50 steps


class CoupledMixer(nn.Module):
    """Coupled mixers over M times (B, L, d), without norms and without residuals.

    ``mix`` starts as ``mean``, with equal weights; ``pairwise`` too, with equal rates for every way into a modality.

    Args:
        modalities: M.
        d_model, d_state, d_conv, expand, dt_rank: as of ``Mamba``, the same for every modality.
        coupling: as of ``coupled_scan``.
        dt_range: lowest and highest step size at the start, log-uniform; Mamba's suits long memories.
    """

    def __init__(
        self,
        modalities: int,
        d_model: int,
        d_state: int = 16,
        d_conv: int = 4,
        expand: int = 2,
        dt_rank: int | None = None,
        coupling: str = "mean",
        dt_range: tuple[float, float] = (DT_MIN, DT_MAX),
    ) -> None:
        super().__init__()
        self.coupling = coupling
        self.mixers = nn.ModuleList(
            Mamba(d_model, d_state, d_conv, expand, dt_rank) for _ in range(modalities)
        )
        for mixer in self._each():
            draw_step_sizes(mixer.dt_bias, *dt_range)
        self.mix: nn.Parameter | None = None  # logits
        if coupling == "mix":
            self.mix = nn.Parameter(torch.zeros(modalities, modalities))
        if coupling == "pairwise":  # rates of the ways from every modality, in place of one direction's
            for mixer in self._each():
                mixer.A_log = nn.Parameter(mixer.A_log.detach().repeat(modalities, 1, 1))

    def forward(self, xs: Sequence[Tensor], masks: Sequence[Tensor | None]) -> list[Tensor]:
        """Mix over time and modalities.

        Args:
            xs: M times (B, L, d).
            masks: M times (B, L), True where a step counts, or None. What stands at a masked step reaches no answer;
                its own output is zero.

        Returns:
            M times (B, L, d).

        Raises:
            ScanOverflowError: with coupling ``sum``.
        """
        mixers = self._each()
        found = [mixer.inputs(x, mask) for mixer, x, mask in zip(mixers, xs, masks, strict=True)]
        # (M, B, L, .) in memory, seen with time last
        signals = [torch.stack([part[i] for part in found]).squeeze(3).transpose(2, 3) for i in range(4)]
        signals.append(torch.stack([part.z for part in found]).transpose(2, 3))
        y = self._in_parts(signals) if self.coupling == "pairwise" else self._scan(*signals)
        each = y.transpose(2, 3).unbind(0)
        return [mixer.out_proj(one) for mixer, one in zip(mixers, each, strict=True)]

    def _in_parts(self, signals: Sequence[Tensor]) -> Tensor:
        """The scan, some sequences at a time, which is done again in the backward pass: it keeps all its states."""
        parts = zip(*(signal.split(AT_ONCE, dim=1) for signal in signals), strict=True)
        done = [
            checkpoint(self._scan, *part, use_reentrant=False, preserve_rng_state=False) for part in parts
        ]
        return torch.cat(done, dim=1)

    def _scan(self, u: Tensor, delta: Tensor, b: Tensor, c: Tensor, z: Tensor) -> Tensor:
        """(M, B, E, L) each, B and C (M, B, N, L) -> (M, B, E, L)."""
        mixers = self._each()
        rates = torch.stack([mixer.rates() for mixer in mixers], dim=1)  # (from, to, E, N), or (1, M, E, N)
        y = coupled_scan(
            u,
            delta,
            rates if self.coupling == "pairwise" else rates.squeeze(0),
            b,
            c,
            torch.cat([mixer.D for mixer in mixers]),
            z,
            torch.cat([mixer.dt_bias for mixer in mixers]),
            delta_softplus=True,
            coupling=self.coupling,
            mix=None if self.mix is None else self.mix.softmax(dim=1),
        )
        return cast(Tensor, y)

    def _each(self) -> list[Mamba]:
        return [cast(Mamba, mixer) for mixer in self.mixers]
