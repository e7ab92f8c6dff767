"""Coupled Mamba (Li et al. 2024): modalities whose state chains exchange their states.

    every modality: Linear to d -> LayerNorm                                     (two linear layers as released)
    layers x [every modality: LayerNorm -> Mamba, the scans coupled -> + x]      (algorithm 1)
    mean over the steps that are there -> learned weights over modalities -> Linear -> ReLU -> Linear

``coupling`` says what enters a state of the previous states of all modalities (:mod:`affectssm.ssm.coupled`; equation 6
is ``sum``, divided by M ``mean``; equation 5 ``pairwise``). ``layerwise`` couples no states: between layers every
modality gets a projection of the outputs of the others added to its own. That is all the coupling there is in the
released code, which has the weights of that projection once for all layers; here every layer has its own, as it has its
own everything. What the paper leaves out of input, joining and head follows the released code, whose maximum over steps
counts padding, which no pooling here does.

Letters as in :mod:`affectssm.families.clips.stages.models.blocks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from affectssm.families.clips.stages.models.blocks import FusionModel, zeroed
from affectssm.models.recompute import BLOCKS
from affectssm.settings.fusion_models import CoupledMambaSettings, FusionSettings
from affectssm.ssm.coupled_mixer import CoupledMixer

LAYERWISE = "layerwise"


class CoupledLayer(nn.Module):
    """Norm, coupled mixers, residual: M times (B, L, d) -> M times (B, L, d)."""

    recomputed = BLOCKS

    def __init__(self, settings: FusionSettings, modalities: int, coupling: str) -> None:
        super().__init__()
        s = settings
        self.norms = nn.ModuleList(nn.LayerNorm(s.d_model) for _ in range(modalities))
        self.mixer = CoupledMixer(
            modalities, s.d_model, s.d_state, s.d_conv, s.expand, s.dt_rank, coupling, (s.dt_min, s.dt_max)
        )
        self.dropout = nn.Dropout(s.dropout)

    def forward(self, xs: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
        """A step that is masked stays what it was."""
        normed = [norm(x) for norm, x in zip(self.norms, xs, strict=True)]
        return [x + self.dropout(y) for x, y in zip(xs, self.mixer(normed, masks), strict=True)]


class Exchange(nn.Module):
    """Every modality plus a projection of the outputs of the others, step by step."""

    def __init__(self, modalities: int, width: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Linear((modalities - 1) * width, width) for _ in range(modalities)
        )

    def forward(self, xs: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
        """M times (B, L, d), zero at masked steps -> the same."""
        others = [torch.cat([*xs[:m], *xs[m + 1 :]], dim=-1) for m in range(len(xs))]
        moved = [x + project(other) for x, project, other in zip(xs, self.projections, others, strict=True)]
        return zeroed(moved, masks)


class CoupledStack(nn.Module):
    """The layers.

    Args:
        settings: sizes.
        modalities: M.
        coupling: of the scans, or ``layerwise``.
    """

    def __init__(self, settings: FusionSettings, modalities: int, coupling: str = "none") -> None:
        super().__init__()
        layerwise = coupling == LAYERWISE
        self.layers = nn.ModuleList(
            CoupledLayer(settings, modalities, "none" if layerwise else coupling)
            for _ in range(settings.layers)
        )
        between = settings.layers - 1 if layerwise and modalities > 1 else 0
        self.exchanges = nn.ModuleList(Exchange(modalities, settings.d_model) for _ in range(between))

    def forward(self, xs: list[Tensor], masks: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """M times (B, L, d), zero at masked steps, and (B, L) -> the same."""
        for i, layer in enumerate(self.layers):
            xs = layer(xs, masks)
            if i < len(self.exchanges):
                xs = self.exchanges[i](xs, masks)
        return xs, masks


class CoupledMamba(FusionModel):
    """The model. It looks at the past alone; the pooling at the whole clip.

    Raises:
        ScanOverflowError: in a forward or backward pass with coupling ``sum``, once a clip is too long for it.
    """

    Settings = CoupledMambaSettings

    def encoder(self, settings: Any) -> nn.Module:
        return CoupledStack(settings, len(self.modalities), settings.coupling)
