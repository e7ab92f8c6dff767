"""The folded formulation of an encoder's first layers against the layers themselves."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from affectssm.models import filter_bank, windows
from affectssm.models.bimamba_tta import RELEASED, BiMambaTTA
from affectssm.models.pooled_filters import pooled_filters
from affectssm.models.segments import classification_loss
from affectssm.settings.signal_models import BiMambaTTASettings
from tests.models.physio import segments


def layers(kernels=(16, 8, 4), filters=3, seed=0, momentum: float | None = 0.1):
    torch.manual_seed(seed)
    made = []
    for kernel in kernels:
        norm = nn.BatchNorm2d(filters, momentum=momentum)
        for value in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
            value += 0.5 * torch.rand(filters)
        made.append((nn.Conv2d(1, filters, (1, kernel), padding=(0, kernel // 2)).double(), norm.double()))
    return made


def draw(*shape: int) -> torch.Tensor:
    """Signals with a slope, an offset and neighbours alike, so that windows have means and covariances."""
    noise = torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return 0.3 * noise.cumsum(-1) + noise + 1


def run(x, made, formulation, training, pool=4):
    """Outputs, gradients and running statistics of a copy of the layers."""
    made = deepcopy(made)
    for conv, norm in made:
        conv.train(training)
        norm.train(training)
    outputs = pooled_filters(x, made, pool, 0.01, formulation)
    rng = torch.Generator().manual_seed(2)
    weights = [torch.randn(h.shape, generator=rng, dtype=torch.float64).to(h) for h in outputs]
    torch.autograd.backward(outputs, weights)
    gradients = [p.grad for pair in made for layer in pair for p in layer.parameters()]
    return [*outputs, *gradients, *(b.double() for _, norm in made for b in norm.buffers())]


def assert_same(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, two in zip(found, expected, strict=True):
        assert one.shape == two.shape
        assert (one - two).abs().max() <= tolerance * max(1.0, float(two.detach().abs().max()))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("length", [64, 61, 20, 9])  # whole blocks, a rest, hardly a window, none whole
@pytest.mark.parametrize("kernels", [(16, 8, 4), (7, 4), (5,), (1, 16)])
@pytest.mark.parametrize("filters", [1, 3])
def test_values_gradients_and_statistics_are_the_layers(training, length, kernels, filters):
    x, made = draw(3, 2, length), layers(kernels, filters)
    assert_same(run(x, made, "auto", training), run(x, made, "plain", training), 1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_how_the_batch_is_cut_does_not_matter(training, monkeypatch):
    x, made = draw(5, 3, 64), layers()
    whole = run(x, made, "auto", training)
    for cached, signals in ((1, 1), (700, 4), (2000, 7)):
        monkeypatch.setattr(filter_bank, "CACHED", cached)
        monkeypatch.setattr(filter_bank, "ROWS", 3 * signals)
        monkeypatch.setattr(windows, "SIGNALS", signals)
        assert_same(run(x, made, "auto", training), whole, 1e-13)


def test_a_cumulative_average_of_statistics_is_kept_too():
    made = layers(momentum=None)
    found, expected = deepcopy(made), deepcopy(made)
    for seed in range(3):
        x = draw(3, 2, 64) + seed
        pooled_filters(x, found, 4, 0.01)
        pooled_filters(x, expected, 4, 0.01, "plain")
    for (_, one), (_, two) in zip(found, expected, strict=True):
        assert_same(list(one.buffers()), list(two.buffers()), 1e-12)


def test_no_momentum_leaves_the_statistics_alone():
    made = layers(momentum=0.0)
    before = [norm.running_var.clone() for _, norm in made]
    pooled_filters(draw(3, 2, 64), made, 4, 0.01)
    assert all(torch.equal(norm.running_var, was) for (_, norm), was in zip(made, before, strict=True))


def test_a_signal_that_needs_a_gradient_gets_one():
    x, made = draw(3, 2, 64).requires_grad_(), layers()
    sum(h.square().sum() for h in pooled_filters(x, made, 4, 0.01)).backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_a_small_difference_between_large_lags_is_seen_in_float32():
    """A filter that differentiates a slow signal: its output's variance is a millionth of the signal's."""
    time = torch.arange(512, dtype=torch.float64)
    phase = torch.rand(6, 2, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = torch.sin(time / 1000 + 6.28 * phase) + 1e-3 * draw(6, 2, 512)
    made = layers((16,))
    with torch.no_grad():
        made[0][0].weight -= made[0][0].weight.mean(-1, keepdim=True)
    exact = pooled_filters(x, deepcopy(made), 16, 0.01, "plain")[0]
    single = [(conv.float(), norm.float()) for conv, norm in made]
    found = pooled_filters(x.float(), single, 16, 0.01)[0]
    assert (found - exact).abs().max() < 1e-3 * exact.abs().max()


def test_a_training_step_of_the_released_configuration_equals_the_plain_one():
    torch.manual_seed(0)
    built = BiMambaTTA(BiMambaTTASettings(dropout=0.0), RELEASED, 128, 512)
    other = BiMambaTTA(BiMambaTTASettings(dropout=0.0), RELEASED, 128, 512, formulation="plain")
    other.load_state_dict(built.state_dict())
    x, labels = segments(6, RELEASED, 512), torch.tensor([0, 1, 1, 0, 1, 0])
    found, expected = built(x), other(x)
    for out in (found, expected):
        classification_loss(out, labels, 0.3).backward()
    assert (found.logits - expected.logits).abs().max() < 1e-5
    for one, two in zip(built.parameters(), other.parameters(), strict=True):
        assert (one.grad - two.grad).abs().max() < 1e-5
    for one, two in zip(built.buffers(), other.buffers(), strict=True):
        assert torch.allclose(one, two, atol=1e-6, rtol=1e-5)
