"""Dropout that keeps a bool a number until the backward pass; on a CPU torch's layer keeps a float."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """``nn.Dropout``: the same values from the same random numbers."""

    def forward(self, input: Tensor) -> Tensor:
        """Drop while training."""
        return torch.native_dropout(input, self.p, train=True)[0] if self._drops else input

    def passes(self, like: Tensor, width: int) -> Tensor | None:
        """What ``forward`` would let pass of a (..., width) with the other axes of ``like``; None: everything."""
        if not self._drops:
            return None
        passes = torch.empty(*like.shape[:-1], width, dtype=torch.bool, device=like.device)
        return passes.bernoulli_(1 - self.p)

    @property
    def scale(self) -> float:
        """By what is multiplied what passes, where not everything is dropped."""
        return 1 / (1 - self.p)

    @property
    def _drops(self) -> bool:
        return self.training and self.p > 0
