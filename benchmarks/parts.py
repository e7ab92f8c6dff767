"""What benchmarks share that take a model apart: what its modules meet, a part alone, and a step by module."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


def leaf(value: Any) -> Any:
    """A copy that wants gradients where the value had them."""
    return value.detach().clone().requires_grad_(value.requires_grad) if isinstance(value, Tensor) else value


def both_ways(call: Callable[..., Tensor], *tensors: Any, **given: Any) -> None:
    """Forward and backward; no gradients are kept from the last time."""
    for value in (*tensors, *given.values()):
        if isinstance(value, Tensor):
            value.grad = None
    y = call(*tensors, **given)
    y.backward(torch.ones_like(y))


def inputs_of(modules: Iterable[nn.Module], run: Callable[[], object]) -> dict[nn.Module, Tensor]:
    """What every module meets first when something runs; a copy that wants gradients where it had them."""
    met: dict[nn.Module, Tensor] = {}

    def remember(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        met[module] = leaf(given[0])

    hooks = [module.register_forward_pre_hook(remember) for module in modules]
    run()
    for hook in hooks:
        hook.remove()
    return met


@dataclass
class Profile:
    """A step by part: bytes that are kept for the backward pass, CPU seconds of both."""

    kept: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    forward: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    backward: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Profiler:
    """Attributes what happens in a step to the part of the model that is running.

    A part is named by the innermost running module whose qualified name a pattern finds; outside all, ``rest``. What is
    kept is counted once, by storage, and weights not at all. In the backward pass an operation belongs to the part in
    which it was recorded, and gradients that are added up to the operation before.

    Args:
        model: whose modules they are.
        parts: pattern of a qualified name -> part; the first that finds counts.
        rest: the part of what no module does.
    """

    def __init__(self, model: nn.Module, parts: Mapping[str, str], rest: str) -> None:
        self.model, self.profile = model, Profile()
        self._names = {module: _part(name, parts) for name, module in model.named_modules()}
        self._running, self._since = [rest], 0.0
        self._marks: list[tuple[int, str]] = []
        self._seen = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def run(self, loss_of: Callable[[], Tensor]) -> Tensor:
        """Compute a loss and its gradients."""
        with self._hooked(), torch.autograd.graph.saved_tensors_hooks(self._keep, lambda kept: kept):
            self._switch()
            loss = loss_of()
            self._count(self.profile.forward)
        self._backward(loss)
        return loss

    @contextmanager
    def _hooked(self) -> Iterator[None]:
        named = [module for module, part in self._names.items() if part]
        hooks = [module.register_forward_pre_hook(self._enter) for module in named]
        hooks += [module.register_forward_hook(self._leave) for module in named]
        yield
        for hook in hooks:
            hook.remove()

    def _enter(self, module: nn.Module, _given: object) -> None:
        self._count(self.profile.forward)
        self._running.append(self._names[module])
        self._switch()

    def _leave(self, _module: nn.Module, _given: object, _found: object) -> None:
        self._count(self.profile.forward)
        self._running.pop()
        self._switch()

    def _switch(self) -> None:
        self._marks.append((torch.autograd._get_sequence_nr(), self._running[-1]))
        self._since = time.process_time()

    def _count(self, seconds: dict[str, float]) -> None:
        seconds[self._running[-1]] += time.process_time() - self._since

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.profile.kept[self._running[-1]] += storage.nbytes()
        return tensor

    def _backward(self, loss: Tensor) -> None:
        numbers = [number for number, _ in self._marks]
        hooks = []
        for node in _nodes(loss.grad_fn):
            at = bisect_right(numbers, node._sequence_nr())
            if node._sequence_nr() < 2**62:  # those that add to a weight's gradient are of no part
                part = self._marks[max(0, at - 1)][1]
                hooks.append(node.register_prehook(lambda grads, part=part: self._go_on(part)))
        self._since = time.process_time()
        loss.backward()
        self._count(self.profile.backward)
        for hook in hooks:
            hook.remove()

    def _go_on(self, part: str) -> None:
        self._count(self.profile.backward)
        self._running[-1], self._since = part, time.process_time()


def _part(name: str, parts: Mapping[str, str]) -> str:
    return next((part for pattern, part in parts.items() if re.search(pattern, name)), "") if name else ""


def _nodes(root: Any) -> list[Any]:
    """The recorded operations of a graph, each once."""
    found, left = {root: None}, [root]
    while left:
        for node, _ in left.pop().next_functions:
            if node is not None and node not in found:
                found[node] = None
                left.append(node)
    return list(found)
