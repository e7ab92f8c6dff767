"""A step taken apart: what is kept and computed belongs to the module that runs."""

from __future__ import annotations

import time

import torch
from parts import Profiler, both_ways, inputs_of
from step import section
from torch import Tensor, nn

WIDE, ROWS = 8, 1000
KB = 4 * ROWS * WIDE


class Slow(torch.autograd.Function):
    """Waits in its backward pass, as long as a processor is busy."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        begun = time.process_time()
        while time.process_time() < begun + 0.05:
            pass
        return grad


class Squared(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Slow.apply(x.square())


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(WIDE, WIDE) for _ in range(2))
        self.square = Squared()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.square(x)


def test_what_is_kept_and_the_time_belong_to_the_part_that_runs():
    model, x = Model(), torch.randn(ROWS, WIDE)
    profiler = Profiler(model, {r"^layers": "layers", r"^square": "square"}, "rest")
    loss = profiler.run(lambda: model(x).sigmoid().mean())
    found, plain = profiler.profile, [p.grad.clone() for p in model.parameters()]
    # the input of either layer; of the square its input; of the sigmoid its output
    assert dict(found.kept) == {"layers": 2 * KB, "square": KB, "rest": KB}
    assert found.backward["square"] >= 0.05 > found.backward["layers"] + found.backward["rest"]
    assert set(found.forward) >= {"layers", "square", "rest"}
    model.zero_grad()
    again = model(x).sigmoid().mean()
    again.backward()
    assert torch.equal(again, loss)
    assert all(torch.equal(a, p.grad) for a, p in zip(plain, model.parameters(), strict=True))


def test_what_a_module_meets_is_a_copy_that_wants_what_it_wanted():
    model, x = Model(), torch.randn(4, WIDE)
    met = inputs_of([model.layers[0], model.square], lambda: model(x))
    assert torch.equal(met[model.layers[0]], x) and not met[model.layers[0]].requires_grad
    assert met[model.square].requires_grad and met[model.square].is_leaf
    both_ways(model.square, met[model.square])
    torch.testing.assert_close(met[model.square].grad, 2 * met[model.square].detach())


def test_a_step_that_did_not_end_is_an_entry():
    assert "status -9" in section("dat", {"ended": -9})
    found = {
        "words": "few", "parameters": 1, "batch": 2, "update": 0.1, "kept": {"a": 3e6, "b": 1e6},
        "forward": {"a": 1.0}, "backward": {"b": 3.0},
    }  # fmt: skip
    text = section("dat", found)
    assert "| a | 3 | 75% | 1.00 | 0.00 | 25% |" in text and "| b | 1 | 25% | 0.00 | 3.00 | 75% |" in text
