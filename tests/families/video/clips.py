"""Windows of video features out of a random generator."""

from __future__ import annotations

import torch
from torch import Tensor

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
        target=target,
        target_valid=dict.fromkeys(target, here),
        partners={},
        partners_valid={},
        partner_present=torch.ones(size, 0, dtype=torch.bool),
        frame_valid=here.clone(),
    )
