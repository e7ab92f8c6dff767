"""A scan that is run now and differentiated later, of whose inputs nothing is kept in between.

Autograd keeps what a function asks for, and a scan asks for its inputs. Where these are cheap to compute again, their
memory is known by its address: what the scan saves of it is noted as a view, and looked up in the new copy when the
gradients are wanted. What a scan saves beside them (its states) is handed to the caller to be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge, saved_tensors_hooks


class Recorded:
    """A function of tensors that has been run.

    Args:
        function: of the inputs; its output is ``y``.
        inputs: tensors, or None.
        known: tensors that fill a storage each, which will be there again when gradients are wanted.
    """

    def __init__(
        self, function: Callable[..., Tensor], inputs: Sequence[Tensor | None], known: Sequence[Tensor]
    ) -> None:
        self._memory = memory = _Memory(known)
        there = [t for t in inputs if t is not None]
        with torch.enable_grad(), saved_tensors_hooks(memory.pack, memory.unpack):
            entered = iter(_Entrance.apply(torch.empty(0, requires_grad=True), *there))
            given = [None if t is None else next(entered) for t in inputs]
            y = function(*given)
            self._end = _Exit.apply(y, memory)
        self._edges = [None if t is None else get_gradient_edge(t) for t in given]
        self.y = y.detach()

    def take_kept(self) -> list[Tensor]:
        """What has to be kept beside ``known`` for the gradients; once."""
        kept, self._memory.kept = self._memory.kept, []
        return kept

    def gradients(
        self, grad: Tensor, wanted: Sequence[bool], known: Sequence[Tensor], kept: Sequence[Tensor]
    ) -> list[Tensor | None]:
        """Of every input that is wanted, from that of y."""
        self._memory.known, self._memory.kept, self._memory.grad = list(known), list(kept), grad
        edges = [e for e, w in zip(self._edges, wanted, strict=True) if e is not None and w]
        try:
            found = iter(torch.autograd.grad([self._end], edges, retain_graph=True, allow_unused=True))
        finally:
            self._memory.known, self._memory.kept, self._memory.grad = [], [], None
        return [
            next(found) if e is not None and w else None for e, w in zip(self._edges, wanted, strict=True)
        ]


class _Memory:
    """Where saved tensors are found; no part of the graph is known here, so that nothing refers to itself."""

    def __init__(self, known: Sequence[Tensor]) -> None:
        self._places = {_address(t): i for i, t in enumerate(known)}
        self.known: list[Tensor] = []
        self.kept: list[Tensor] = []
        self.grad: Tensor | None = None

    def pack(self, tensor: Tensor) -> Any:
        place = self._places.get(_address(tensor))
        if place is not None:
            return place, tensor.shape, tensor.stride(), tensor.storage_offset()
        self.kept.append(tensor)
        return len(self.kept) - 1

    def unpack(self, found: Any) -> Tensor:
        if isinstance(found, int):
            return self.kept[found]
        place, shape, stride, offset = found
        return self.known[place].as_strided(shape, stride, offset)


class _Entrance(torch.autograd.Function):
    """Where the inputs come from: a node that keeps none of them, whose backward is never run."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(t.view_as(t) for t in inputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, ...]:
        return (None,) * (1 + len(grads))


class _Exit(torch.autograd.Function):
    """Where the gradient of y comes from; to hand it to ``torch.autograd.grad`` imports sympy, which takes seconds."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, memory: _Memory) -> Tensor:
        ctx.memory = memory
        return y.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[Tensor | None, None]:
        return ctx.memory.grad, None


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
