"""The first layers of a temporal branch: filters along time, BatchNorm, LeakyReLU and the mean over P samples."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def pooled_filters(
    x: Tensor, temporal: nn.Conv2d, norm: nn.BatchNorm2d, pool: int, slope: float, formulation: str = "auto"
) -> Tensor:
    """x (B, C, L) -> (B, M, C, steps)."""
    return plain(x, temporal, norm, pool, slope)


def plain(x: Tensor, temporal: nn.Conv2d, norm: nn.BatchNorm2d, pool: int, slope: float) -> Tensor:
    """Layer by layer, each over the whole batch."""
    h = functional.leaky_relu(norm(temporal(x.unsqueeze(1))), slope)
    return functional.avg_pool2d(h, (1, pool))
