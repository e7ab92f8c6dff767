"""What the benchmarks of Mamba-VA share: the model at the paper's scale, made-up windows, a training step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from measuring import Work
from torch import Tensor, nn

from affectssm.families.video.settings import PRESETS
from affectssm.families.video.stages.models.mamba_va import MambaVA
from affectssm.settings.video import MambaVASettings
from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch
from affectssm.training.losses import ccc_loss

DIM = 1024  # of a frame's features: the encoder ViT-L of MAE


def paper_model(dropout: float = 0.3) -> MambaVA:
    """The paper's scale, the same weights every time."""
    torch.manual_seed(0)
    sizes = PRESETS["paper"]["video"]["mamba_va"]
    return MambaVA(MambaVASettings(**sizes, dropout=dropout), {"mae": DIM}, {"visual": ["mae"]})


def windows(features: Tensor) -> FrameBatch:
    """Windows that are all valid; features (B, L, D)."""
    here = torch.ones(features.shape[:2], dtype=torch.bool)
    nobody = torch.ones(len(features), 0, dtype=torch.bool)
    return FrameBatch({"mae": FeatureFrames.at_rows(features[None], here[None])}, nobody, here)


def loss_of(prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """(1 - CCC of valence) + (1 - CCC of arousal), over all frames."""
    return sum((ccc_loss(prediction[..., i], target[..., i], valid) for i in (0, 1)), torch.zeros(()))


def updating(weights: Iterable[nn.Parameter]) -> Work:
    """Gradients cut to norm 1 and AdamW, on the gradients that the weights have."""
    weights = list(weights)
    optimiser = torch.optim.AdamW(weights, lr=3e-4, eps=1e-7, weight_decay=0.01)

    def work() -> None:
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()

    return work


def training_step(model: nn.Module, batch: FrameBatch, target: Tensor) -> Work:
    """Forward, loss, backward, and the update of the weights; target (B, L, 2)."""
    update = updating(model.parameters())

    def work() -> None:
        model.zero_grad()
        loss_of(model(batch).prediction, target, batch.frame_valid).backward()
        update()

    return work
