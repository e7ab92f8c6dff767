"""Mamba mixers of several modalities, a scan's states coupled (Coupled Mamba, Li et al. 2024, algorithm 1).

Letters as in :mod:`affectssm.ssm.mamba`, and M modalities. Every modality has a mixer of its own (projections,
convolution, rates); what they share is the scan (:mod:`affectssm.ssm.coupled`).

A masked step of a modality has a step size of zero: no input enters, and its transition is one. Without coupling its
state is carried unchanged; with coupling it becomes what the coupling makes of all states, so a modality that is not
there hands on what the others remember and adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from affectssm.ssm.coupled import coupled_scan
from affectssm.ssm.init import DT_MAX, DT_MIN, draw_step_sizes
from affectssm.ssm.mamba import Mamba
from affectssm.ssm.mixing import Scan, mixing
from affectssm.ssm.mixing_part import Weights

AT_ONCE = 64  # sequences of a scan by the reference, at most: 4 GB at Coupled Mamba's size and 50 steps


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
        names = ("conv_weight", "conv_bias", "x_proj", "dt_proj", "A_log", "D", "dt_bias")
        own = {name: [getattr(mixer, name) for mixer in mixers] for name in names}
        pairwise = self.coupling == "pairwise"  # logarithms of rates (from, to, E, N), or (M, E, N)
        weights = Weights(
            torch.stack([mixer.in_proj.weight for mixer in mixers]),
            torch.stack(own["conv_weight"], dim=1),
            torch.stack(own["conv_bias"]),
            torch.cat(own["x_proj"]),
            torch.cat(own["dt_proj"]),
            torch.stack([mixer.out_proj.weight for mixer in mixers]),
            torch.stack(own["A_log"], dim=1) if pairwise else torch.cat(own["A_log"]),
            torch.cat(own["D"]),
            torch.cat(own["dt_bias"]),
            None if self.mix is None else self.mix.softmax(dim=1),
        )
        # the reference keeps all states: of one part at most
        again = pairwise and len(xs[0]) > AT_ONCE
        scan = Scan(self._scan, again, AT_ONCE if pairwise else None)
        return list(mixing(torch.stack(list(xs)), _stacked(masks), weights, scan).unbind(0))

    def _scan(
        self,
        u: Tensor,
        delta: Tensor,
        b: Tensor,
        c: Tensor,
        z: Tensor,
        rates: Tensor,
        *others: Any,
    ) -> Tensor:
        """(M, B, L, 1, .) each -> (M, B, L, 1, E)."""
        skip, bias, mix = others
        u, delta, b, c = (signal.squeeze(3).mT for signal in (u, delta, b, c))
        y = coupled_scan(
            u, delta, rates, b, c, skip, z.mT, bias, delta_softplus=True, coupling=self.coupling, mix=mix
        )
        return cast(Tensor, y).mT.unsqueeze(3)

    def _each(self) -> list[Mamba]:
        return [cast(Mamba, mixer) for mixer in self.mixers]


def _stacked(masks: Sequence[Tensor | None]) -> Tensor | None:
    """(M, B, L), all true where there is no mask; None where there is none at all."""
    there = next((mask for mask in masks if mask is not None), None)
    if there is None:
        return None
    return torch.stack([torch.ones_like(there) if mask is None else mask for mask in masks])
