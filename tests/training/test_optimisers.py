"""Our optimisers make torch's own steps, bit for bit, and do without its compiler."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from torch import nn

from affectssm.training import optimisers
from affectssm.training.optimisers import SGD, Adam, Group, GroupedAdam

SHARES, DECAYS = (1.0, 0.25), (0.1, 0.0)


def our_groups(parameters):
    first, *rest = parameters
    return [Group(*group) for group in zip([[first], rest], SHARES, DECAYS, strict=True)]


def their_groups(parameters):
    return [
        {"params": group.parameters, "weight_decay": group.weight_decay, "share": group.share}
        for group in our_groups(parameters)
    ]


PAIRS = [
    (
        lambda p: Adam(p, 1e-2, 0.1, decoupled=True),
        lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    ),
    (lambda p: Adam(p, 1e-2, 0.1), lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1)),
    (lambda p: GroupedAdam(our_groups(p), 1e-2), lambda p: torch.optim.Adam(their_groups(p), lr=1e-2)),
    (lambda p: SGD(p, 1e-2, 0.9), lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9)),
    (lambda p: SGD(p, 1e-2), lambda p: torch.optim.SGD(p, lr=1e-2)),
]
pairs = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["adamw", "adam", "groups", "momentum", "sgd"])


def models():
    torch.manual_seed(0)
    first = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3), nn.Linear(3, 2))
    return first, deepcopy(first)


def learn(model, optimiser, step):
    """One step; the last layer has no gradient in every third one."""
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(step))
    optimiser.zero_grad()
    model[: 3 if step % 3 == 0 else 4](x).square().sum().backward()
    optimiser.step()


def assert_same(one, other):
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("together", [0, optimisers.TOGETHER])
@pairs
def test_steps_are_torchs(ours, theirs, together, monkeypatch):
    monkeypatch.setattr(optimisers, "TOGETHER", together)
    one, other = models()
    own, reference = ours(one.parameters()), theirs(other.parameters())
    for step in range(20):
        own.rate = 1e-2 / (1 + step)
        for group in reference.param_groups:
            group["lr"] = own.rate * group.get("share", 1.0)
        learn(one, own, step)
        learn(other, reference, step)
        assert_same(one, other)


@pairs
def test_steps_go_on_from_a_state(ours, theirs):
    one, other = models()
    first, whole = ours(one.parameters()), ours(other.parameters())
    for step in range(8):
        if step == 4:
            kept, first = deepcopy(first.state), ours(one.parameters())
            first.load(kept)
        learn(one, first, step)
        learn(other, whole, step)
    assert_same(one, other)


def test_a_step_does_not_import_the_compiler():
    code = """
import sys, torch
from affectssm.training.optimisers import SGD, Adam
for kind in (Adam, SGD):
    layer = torch.nn.Linear(2, 2)
    layer(torch.ones(1, 2)).sum().backward()
    optimiser = kind(layer.parameters(), 0.1)
    torch.nn.utils.clip_grad_norm_(optimiser.parameters, 1.0)
    optimiser.step()
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
