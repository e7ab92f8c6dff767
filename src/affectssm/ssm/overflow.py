"""Refuses outputs and gradients that are not finite: of coupling ``sum``, whose states the backends refuse themselves.

Outputs may overflow where states do not, because C is large or because half precision ends earlier than the states'
float32, and gradients because they go back through the same growing recurrence.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from affectssm.ssm.arguments import Coupled, ScanOverflowError


class GradientWatch:
    """Looks at the gradient that leaves a scan, unless one that came in was not finite: that is not the scan's fault.

    Watched is u, or delta where u wants no gradient; not float16, whose gradients end before the scan's do. It keeps
    no tensor.
    """

    def __init__(self, asked: Coupled) -> None:
        self._reverse = asked.reverse
        self._fine = True

    def entering(self, asked: Coupled) -> Coupled:
        """The same scan with its input watched."""
        if _is_watched(asked.u):
            return replace(asked, u=self._passed(asked.u))
        return replace(asked, delta=self._passed(asked.delta)) if _is_watched(asked.delta) else asked

    def _passed(self, tensor: Tensor) -> Tensor:
        passed = tensor.view_as(tensor)
        passed.register_hook(self._leaves)
        return passed

    def leaving(self, *outputs: Tensor) -> None:
        """Note what comes in by these."""
        for output in outputs:
            if output.requires_grad:
                output.register_hook(self._comes_in)

    def _comes_in(self, gradient: Tensor | None) -> None:
        if gradient is not None:
            self._fine = self._fine and bool(torch.isfinite(gradient).all())

    def _leaves(self, gradient: Tensor | None) -> None:
        fine, self._fine = self._fine, True  # for the next backward pass
        if fine and gradient is not None:
            refuse_overflow(gradient, self._reverse, "a gradient", last=True)


def _is_watched(tensor: Tensor) -> bool:
    return torch.is_grad_enabled() and tensor.requires_grad and tensor.dtype != torch.float16


def refuse_overflow(values: Tensor, reverse: bool, what: str, last: bool = False) -> None:
    """Look at values (M, B, D, L).

    Raises:
        ScanOverflowError: when one is not finite; it names the first step in the scan's order, or the last, where a
            backward pass begins.
    """
    finite = torch.isfinite(values)
    if finite.all():
        return
    steps = (~finite).flatten(0, -2).any(0).nonzero()[:, 0]
    length = values.shape[-1]
    ordered = length - 1 - steps if reverse else steps
    raise ScanOverflowError(int(ordered.max() if last else ordered.min()), length, what)
