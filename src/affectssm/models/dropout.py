"""Dropout that keeps a byte a number until the backward pass; on a CPU torch's layer keeps a float.

Bytes that become floats in passing take no longer than floats; bools, as in torch's ``native_dropout``, twice as long.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """``nn.Dropout``: the same values from the same random numbers."""

    def forward(self, input: Tensor) -> Tensor:
        """Drop while training."""
        if not self._drops:
            return input
        if input.device.type != "cpu":
            return torch.native_dropout(input, self.p, train=True)[0]
        passes = torch.empty_like(input, dtype=torch.int8).bernoulli_(1 - self.p)
        return cast(Tensor, _Dropped.apply(input, passes, self.scale))

    def passes(self, like: Tensor, width: int) -> Tensor | None:
        """1 where ``forward`` would let pass, of a (..., width) with the other axes of ``like``; None: everything."""
        if not self._drops:
            return None
        passes = torch.empty(*like.shape[:-1], width, dtype=torch.int8, device=like.device)
        return passes.bernoulli_(1 - self.p)

    @property
    def scale(self) -> float:
        """By what is multiplied what passes, where not everything is dropped."""
        return 1 / (1 - self.p)

    @property
    def _drops(self) -> bool:
        return self.training and self.p > 0


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, passes: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(passes)
        ctx.scale = scale
        return passes.to(x.dtype).mul_(x).mul_(scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return cast(Tensor, _Dropped.apply(grad, *ctx.saved_tensors, ctx.scale)), None, None
