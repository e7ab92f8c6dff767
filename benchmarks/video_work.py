"""What the benchmarks of Mamba-VA share: the model at the paper's scale, made-up windows, a training step."""

from __future__ import annotations

import torch
from measuring import Work
from torch import Tensor, nn

from affectssm.families.video.stages.models.mamba_va import MambaVA
from affectssm.settings.video import MambaVASettings
from affectssm.timeline.frame_batch import FrameBatch
from affectssm.training.losses import ccc_loss

DIM = 1024  # of a frame's features: the encoder ViT-L of MAE


def paper_model(dropout: float = 0.3) -> MambaVA:
    """The paper's scale, the same weights every time."""
    torch.manual_seed(0)
    return MambaVA(MambaVASettings(dropout=dropout), {"mae": DIM}, {"visual": ["mae"]})


def windows(features: Tensor) -> FrameBatch:
    """Windows that are all valid; features (B, L, D)."""
    here = torch.ones(features.shape[:2], dtype=torch.bool)
    nobody = torch.ones(len(features), 0, dtype=torch.bool)
    return FrameBatch({"mae": features}, {"mae": here}, {}, {}, nobody, here)


def loss_of(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """(1 - CCC of valence) + (1 - CCC of arousal), over all frames."""
    return sum((ccc_loss(prediction[..., i], target[..., i], valid) for i in (0, 1)), torch.zeros(()))


def training_step(model: nn.Module, batch: FrameBatch, target: Tensor) -> Work:
    """Forward, loss, backward, gradients cut to norm 1, AdamW; target (B, L, 2)."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-4, eps=1e-7, weight_decay=0.01)

    def work() -> None:
        optimiser.zero_grad()
        loss_of(model(batch).prediction, target, batch.frame_valid).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    return work
