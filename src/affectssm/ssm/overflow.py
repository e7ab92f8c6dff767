"""Outputs and gradients that overflow where the states do not: what coupling ``sum`` is guarded against beside those.

The backends refuse states. Outputs are larger by C, smaller formats end earlier than the states' float32, and the
gradient goes back through the same growing recurrence.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from affectssm.ssm.arguments import Coupled, ScanOverflowError


def with_gradients_watched(asked: Coupled, dy: list[Tensor]) -> Coupled:
    """The same scan, whose backward pass refuses gradients of u and delta that are not finite.

    ``dy`` receives the outputs' gradient first: where that is not finite (a scaled loss that was too large), the
    scan's cannot be, and it is not the scan's fault.
    """

    def watched(tensor: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and tensor.requires_grad):
            return tensor
        passed = tensor.view_as(tensor)

        def look(gradient: Tensor | None) -> None:
            if gradient is not None and dy and torch.isfinite(dy[-1]).all():
                # back in time: the last step of the scan comes first
                refuse_overflow(gradient, asked.reverse, "a gradient", first=False)

        passed.register_hook(look)
        return passed

    return replace(asked, u=watched(asked.u), delta=watched(asked.delta))


def refuse_overflow(values: Tensor, reverse: bool, what: str, first: bool = True) -> None:
    """Look at values (M, B, D, L).

    Raises:
        ScanOverflowError: when one is not finite; it names the first step, or the last, in the scan's order.
    """
    steps = (~torch.isfinite(values)).flatten(0, -2).any(0).nonzero()[:, 0]
    if not len(steps):
        return
    length = values.shape[-1]
    ordered = length - 1 - steps if reverse else steps
    raise ScanOverflowError(int(ordered.min() if first else ordered.max()), length, what)
