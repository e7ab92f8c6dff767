"""Steps of a clip that count and steps that do not: x is (B, L, D), a mask (B, L) True where a step counts.

What stands at other steps, NaN too, decides nothing. Of a clip without any step all answers are zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor


def cleaned(x: Tensor, mask: Tensor) -> Tensor:
    """x with zeros at the steps that do not count."""
    return torch.where(mask[..., None], x, 0.0)


def mean_of(x: Tensor, mask: Tensor) -> Tensor:
    """The mean over the steps that count, (B, D)."""
    return cleaned(x, mask).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def last_of(x: Tensor, mask: Tensor) -> Tensor:
    """The last step that counts, (B, D)."""
    last = (torch.arange(mask.shape[1], device=mask.device) * mask).amax(1)
    return cleaned(x[torch.arange(len(x), device=x.device), last].unsqueeze(1), mask.any(1, True)).squeeze(1)


def gathered(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The steps that count moved to the front in their order, zeros behind them; and the mask of that."""
    order = mask.int().argsort(dim=1, descending=True, stable=True)
    front = mask.gather(1, order)
    return cleaned(x.gather(1, order[..., None].expand_as(x)), front), front
