"""Dropout with one mask a window."""

from __future__ import annotations

from torch import Tensor, nn


class WindowDropout(nn.Dropout):
    """Dropout over (B, L, d) that drops a channel for a whole window.

    Neighbouring frames are near duplicates (features at 25 Hz on a clock of 100 Hz), so masks drawn frame by frame
    average out; and one mask a window asks for L times fewer random numbers, which a CPU feels.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, d) -> (B, L, d)."""
        if not self.training or self.p == 0:
            return x
        keep = x.new_empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - self.p)
        return x * (keep / (1 - self.p))
