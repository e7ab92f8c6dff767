"""Windows of video features out of a random generator."""

from __future__ import annotations

import torch
from torch import Tensor

from affectssm.timeline.feature_frames import FeatureFrames
from affectssm.timeline.frame_batch import FrameBatch

DIMS = {"face": 5, "voice": 3}
GROUPS = {"visual": ["face"], "audio": ["voice"]}


def clip(size: int = 2, length: int = 40, seed: int = 0, **features: Tensor) -> FrameBatch:
    """Noise in every feature, or the features given; nobody else in the picture."""
    rng = torch.Generator().manual_seed(seed)
    drawn = {name: torch.randn(size, length, dim, generator=rng) for name, dim in DIMS.items()}
    target = drawn | features
    size, length = next(iter(target.values())).shape[:2]
    here = torch.ones(size, length, dtype=torch.bool)
    return FrameBatch(
        people={name: FeatureFrames.at_rows(rows[None], here[None]) for name, rows in target.items()},
        partner_present=torch.ones(size, 0, dtype=torch.bool),
        frame_valid=here.clone(),
    )


def lagged(size: int, lag: int, seed: int, length: int = 80) -> tuple[FrameBatch, Tensor]:
    """Clips whose valence and arousal (B, L, 2) are slow signals that the face showed ``lag`` frames ago, in noise."""
    batch = clip(size, length, seed)
    rng = torch.Generator().manual_seed(seed + 1)
    steps = torch.randn(size, length + lag + 19, 2, generator=rng)
    slow = 0.4 * steps.unfold(1, 20, 1).sum(-1) / 20**0.5  # (B, L + lag, 2)
    directions = torch.tensor([[1.0, 1.0, 0.0, -1.0, 0.5], [-0.5, 1.0, 1.0, 0.5, 0.0]])
    batch.target["face"].rows += slow[:, lag:] @ directions
    return batch, torch.tanh(slow[:, :length])
