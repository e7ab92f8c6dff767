"""The TCN: an oracle by hand, what a frame sees, how weights start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrize

from affectssm.families.video.stages.models.tcn import TCN, Level


def perturbed(module: torch.nn.Module) -> torch.nn.Module:
    """Zero and one are special values that could hide a missing term."""
    for parameter in module.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return module.eval()


def prelu(x: np.ndarray, module: torch.nn.PReLU) -> np.ndarray:
    return np.where(x > 0, x, module.weight.item() * x)


def convolved(x: np.ndarray, conv: torch.nn.Conv1d, dilation: int) -> np.ndarray:
    """x (C_in, L): every output frame from its definition, from the magnitudes and directions of the weights."""
    stored = conv.parametrizations.weight if parametrize.is_parametrized(conv) else None
    if stored is None:
        weight = conv.weight.detach().numpy()
    else:
        size, direction = (p.detach().numpy() for p in (stored.original0, stored.original1))
        weight = size * direction / np.sqrt((direction**2).sum(axis=(1, 2), keepdims=True))
    outputs, _, kernel = weight.shape
    y = np.tile(conv.bias.detach().numpy()[:, None], (1, x.shape[1]))
    for t in range(x.shape[1]):
        for tap in range(kernel):
            seen = t - (kernel - 1 - tap) * dilation
            if seen >= 0:
                for out in range(outputs):
                    y[out, t] += weight[out, :, tap] @ x[:, seen]
    return y


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 4), (4, 4)])
@pytest.mark.parametrize("dilation", [1, 4])
def test_a_level_is_what_its_definition_says(inputs, outputs, dilation):
    torch.manual_seed(0)
    level = perturbed(Level(inputs, outputs, 3, dilation, 0.3, True)).double()
    x = torch.randn(2, inputs, 17, dtype=torch.float64)
    found = level(x).detach().numpy()
    for signal, y in zip(x.numpy(), found, strict=True):
        h = prelu(convolved(signal, level.first.conv, dilation), level.first.activate)
        h = prelu(convolved(h, level.second.conv, dilation), level.second.activate)
        around = signal if inputs == outputs else convolved(signal, level.around, 1)
        np.testing.assert_allclose(y, prelu(h + around, level.activate), rtol=1e-12)


def test_every_level_dilates_twice_as_far():
    torch.manual_seed(0)
    network = TCN(3, [4, 4, 2], 5, 0.0)
    dilations = [conv.dilation for level in network.levels for conv in (level.first.conv, level.second.conv)]
    assert dilations == [(1,), (1,), (2,), (2,), (4,), (4,)]
    assert network(torch.randn(2, 9, 3)).shape == (2, 9, 2)


def test_four_levels_of_kernel_15_see_421_frames_of_the_past():
    torch.manual_seed(0)
    network = perturbed(TCN(2, [2, 2, 2, 2], 15, 0.0)).double()
    x = torch.randn(1, 600, 2, dtype=torch.float64, requires_grad=True)
    network(x)[0, 550].sum().backward()
    seen = x.grad[0].abs().sum(-1).nonzero().flatten()
    assert seen.max() == 550 and seen.min() == 550 - 2 * (15 - 1) * (2**4 - 1) == 550 - 420


@pytest.mark.parametrize("normal", [True, False])
def test_weights_start_as_asked_for_in_weight_normed_convolutions_too(normal):
    torch.manual_seed(0)
    level = Level(64, 96, 15, 1, 0.0, normal)
    deviations = {
        conv.weight.std().item() * (conv.in_channels * conv.kernel_size[0] if not normal else 1e4) ** 0.5
        for conv in (level.first.conv, level.second.conv, level.around)
    }
    expected = 1.0 if normal else 3**-0.5
    assert all(deviation == pytest.approx(expected, rel=0.03) for deviation in deviations)


def test_dropout_is_for_training():
    torch.manual_seed(0)
    network, x = TCN(3, [8, 8], 3, 0.5), torch.randn(1, 20, 3)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
