"""Fusions to compare Coupled Mamba with, at its width and depth, with its inputs, pooling and head (paper, table 9).

* ``average``: a stack of Mamba layers a modality, pooled, the mean of the modalities that are there.
* ``concat``: the same, pooled vectors one behind the other.
* ``mamba``: the paper's "aggregate features from all multi-modalities into one feature, and process with a sole Mamba
  model". Its code is not published. Here the steps of all modalities are concatenated and projected to the width, which
  has adding them up as a special case; a step is there if any modality's is.
* ``attention``: a Transformer in place of the layers (:mod:`affectssm.families.clips.stages.models.cross_attention`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from affectssm.families.clips.stages.models.blocks import ConcatJoin, FusionModel, Join, zeroed
from affectssm.families.clips.stages.models.coupled_mamba import CoupledStack
from affectssm.families.clips.stages.models.cross_attention import AttentionStack
from affectssm.settings.fusion_models import AttentionFusionSettings, FusionSettings


class AverageFusion(FusionModel):
    """Separate stacks, averaged."""

    Settings = FusionSettings

    def encoder(self, settings: Any) -> nn.Module:
        return CoupledStack(settings, len(self.modalities))

    def joining(self) -> Join:
        return Join(len(self.modalities), self.width)


class ConcatFusion(AverageFusion):
    """Separate stacks, concatenated."""

    def joining(self) -> Join:
        return ConcatJoin(len(self.modalities), self.width)


class Aggregated(nn.Module):
    """One sequence of all modalities, and one stack."""

    def __init__(self, settings: FusionSettings, modalities: int) -> None:
        super().__init__()
        self.aggregate = nn.Linear(modalities * settings.d_model, settings.d_model)
        self.stack = CoupledStack(settings, 1)

    def forward(self, xs: list[Tensor], masks: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """M times (B, L, d), zero at masked steps, and (B, L) -> one of each."""
        mask = torch.stack(masks).any(dim=0)
        return self.stack(zeroed([self.aggregate(torch.cat(xs, dim=-1))], [mask]), [mask])


class MambaFusion(FusionModel):
    """One stack."""

    Settings = FusionSettings

    def encoder(self, settings: Any) -> nn.Module:
        return Aggregated(settings, len(self.modalities))

    def joining(self) -> Join:
        return Join(1, self.width)


class AttentionFusion(FusionModel):
    """Cross-attention."""

    Settings = AttentionFusionSettings

    def encoder(self, settings: Any) -> nn.Module:
        return AttentionStack(settings, len(self.modalities))
