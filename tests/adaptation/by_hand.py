"""Optimisers and quantities written out once more, in float64, for the tests of the methods."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor


class Twin:
    """A copy of a model, chosen parameters of which are stepped by hand.

    Args:
        model: copied.
        named: tells by its name whether a parameter is changed.
        rate: the step size.
        momentum: SGD's; None for Adam.
    """

    def __init__(self, model, named, rate: float, momentum: float | None = None) -> None:
        self.model = deepcopy(model).eval()
        self.names = [name for name, _ in self.model.named_parameters() if named(name)]
        self.rate, self.momentum = rate, momentum
        self.count = 0
        self.first = dict.fromkeys(self.names, 0.0)
        self.second = dict.fromkeys(self.names, 0.0)

    def parameters(self) -> dict[str, Tensor]:
        return {name: self.model.get_parameter(name) for name in self.names}

    def gradients(self, loss: Tensor) -> dict[str, Tensor]:
        parameters = self.parameters()
        return dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))

    def step(self, loss: Tensor) -> None:
        """Adam (0.9, 0.999, 1e-8), or SGD with momentum."""
        self.count += 1
        for name, g in self.gradients(loss).items():
            if self.momentum is None:
                self.first[name] = 0.9 * self.first[name] + 0.1 * g
                self.second[name] = 0.999 * self.second[name] + 0.001 * g * g
                root = (self.second[name] / (1 - 0.999**self.count)).sqrt()
                change = (self.first[name] / (1 - 0.9**self.count)) / (root + 1e-8)
            else:
                self.first[name] = self.momentum * self.first[name] + g if self.count > 1 else g
                change = self.first[name]
            with torch.no_grad():
                self.model.get_parameter(name).sub_(self.rate * change)

    def probabilities(self, signals) -> tuple[Tensor, list[Tensor]]:
        """Joint and by modality, (n, 2) each."""
        out = self.model(signals)
        return tuple_of(out)


def tuple_of(out) -> tuple[Tensor, list[Tensor]]:
    def softmax(x: Tensor) -> Tensor:
        e = (x - x.max(1, keepdim=True).values).exp()
        return e / e.sum(1, keepdim=True)

    return softmax(out.logits), [softmax(x) for x in out.modalities.values()]


def shannon(p: Tensor) -> Tensor:
    return -(p * p.log()).sum(1)


def is_norm(name: str) -> bool:
    return "norm" in name


def assert_same(model, twin: Twin, before, tolerance: float = 1e-6) -> None:
    """All parameters as the twin's, and those that were to change did, by more than the tolerance allows for."""
    expected = twin.model.state_dict()
    moved = 0.0
    for name, value in model.state_dict().items():
        assert (value - expected[name]).abs().max() <= 1e-3 * tolerance, name
        change = (value - before[name]).abs().max()
        moved = max(moved, float(change))
        assert (change > 0) == (name in twin.names), name
    assert moved > 10 * tolerance
