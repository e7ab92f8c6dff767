"""A step in parts that add up to it: each forward and backward on what the others hand it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor


class Done(NamedTuple):
    """A part of the forward pass."""

    part: str
    given: list[Tensor]  # what others made
    own: list[Tensor]  # the same, cut off from them
    made: list[Tensor]


class Cut:
    """A step in parts: CPU seconds of every one, forward and backward."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.done: list[Done] = []

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count the time of what is done."""
        before = time.process_time()
        yield
        self.seconds[part] += time.process_time() - before

    def forward(
        self, part: str, function: Callable[..., Tensor | list[Tensor]], *given: Tensor
    ) -> list[Tensor]:
        """A part of the forward pass, without what came before it."""
        own = [x.detach().requires_grad_() for x in given]
        with self.timed(part):
            found = function(*own)
        made = found if isinstance(found, list) else [found]
        self.done.append(Done(part, list(given), own, made))
        return made

    def backward(self) -> None:
        """All parts backward, the last one being the loss."""
        gradients: dict[int, Tensor | None] = {}
        for part, given, own, made in reversed(self.done):
            with self.timed(part):
                torch.autograd.backward(made, [gradients.get(id(x)) for x in made])
                for x, cut in zip(given, own, strict=True):
                    known = gradients.get(id(x))
                    gradients[id(x)] = cut.grad if known is None or cut.grad is None else known + cut.grad
