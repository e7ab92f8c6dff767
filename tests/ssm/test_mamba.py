"""BiMamba: both directions for real, initialisations, invisible masked frames."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from affectssm.ssm.mamba import BiMamba


def mixer(bidirectional=True, seed=0, **sizes) -> BiMamba:
    torch.manual_seed(seed)
    built = BiMamba(**{"d_model": 6, "d_state": 3, "expand": 2} | sizes, bidirectional=bidirectional)
    return built.double()


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def one_direction(both: BiMamba, k: int) -> BiMamba:
    """The mixer of the past with the weights that direction k has."""
    alone = mixer(bidirectional=False)
    own = {
        name: value[:, k : k + 1] if name == "conv_weight" else value[k : k + 1]
        for name, value in both.state_dict().items()
        if "." not in name
    }
    alone.load_state_dict(both.state_dict() | own)
    return alone


@pytest.mark.parametrize("length", [1, 2, 11])
def test_is_the_mean_of_a_mixer_of_the_past_and_one_of_the_reversed_sequence(length):
    both = mixer()
    past, future = one_direction(both, 0), one_direction(both, 1)
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[:, length // 2 + 1 :: 3] = False
    for hidden in (None, mask):
        x, y = (draw(2, length, 6).requires_grad_() for _ in range(2))
        turned = None if hidden is None else hidden.flip(1)
        expected = 0.5 * (past(y, hidden) + future(y.flip(1), turned).flip(1))
        found = both(x, hidden)
        torch.testing.assert_close(found, expected)
        found.square().sum().backward()
        expected.square().sum().backward()
        torch.testing.assert_close(x.grad, y.grad)


def test_unidirectional_sees_the_past_only_and_bidirectional_both():
    x = draw(1, 10, 6)
    changed = x.clone()
    changed[:, 5] += 1.0
    for bidirectional in (False, True):
        m = mixer(bidirectional)
        moved = (m(changed) - m(x)).abs().amax(-1)[0] > 1e-12
        assert moved[5:].all()
        assert moved[:5].all() == bidirectional and moved[:5].any() == bidirectional


def test_initialisation_is_mambas_in_both_directions():
    m = BiMamba(d_model=64, d_state=8)
    step = F.softplus(m.dt_bias)
    assert step.shape[0] == 2 and m.dt_rank == 4
    for direction in step:
        assert 9e-4 <= direction.min() < 2e-3 and 0.05 < direction.max() <= 0.101
    torch.testing.assert_close(m.A_log.exp(), torch.arange(1.0, 9.0).expand(2, 128, 8))
    assert torch.equal(m.D, torch.ones(2, 128))
    for weight, fan_in in ((m.conv_weight, 4), (m.conv_bias, 4), (m.x_proj, 128), (m.dt_proj, 4)):
        assert 0.95 < weight.abs().max() * fan_in**0.5 <= 1 and weight.mean().abs() < 0.1


@pytest.mark.parametrize("bidirectional", [False, True])
def test_charon_initialisation_forgets_within_a_few_frames(bidirectional):
    torch.manual_seed(0)
    m = BiMamba(d_model=256, d_state=8, expand=1, bidirectional=bidirectional, init="charon")
    rates, steps = -m.A_log.exp(), F.softplus(m.dt_bias)
    assert abs(rates.mean() + 1) < 1e-3 and abs(rates.std() - 0.01) < 1e-3
    assert abs(steps.mean() - math.log(2)) < 2e-3 and abs(m.dt_bias.std() - 0.02) < 3e-3
    assert abs(m.dt_proj.std() - 0.02) < 1e-3
    assert abs(m.conv_weight.std() / math.sqrt(1 / (256 * 4)) - 1) < 0.1 and not m.conv_bias.any()
    assert abs(m.out_proj.weight.std() / math.sqrt(2 / (256 + 256)) - 1) < 0.02
    assert torch.equal(m.D, torch.ones_like(m.D))


def test_an_unknown_initialisation_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'xavier'.*mamba, charon"):
        BiMamba(4, init="xavier")


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_every_parameter_is_used(bidirectional, masked):
    m = mixer(bidirectional)
    mask = torch.ones(2, 7, dtype=torch.bool)
    mask[0, 4] = not masked
    m(draw(2, 7, 6), mask).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in m.parameters())


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rubbish", [100.0, math.nan])
def test_masked_frames_do_not_influence_valid_ones(bidirectional, dtype, rubbish):
    m = mixer(bidirectional).to(dtype)
    mask = torch.rand(3, 12, generator=torch.Generator().manual_seed(1)) > 0.4
    x = draw(3, 12, 6).to(dtype)
    other = torch.where(mask.unsqueeze(-1), x, rubbish)
    x.requires_grad_()
    other.requires_grad_()
    found, expected = m(other, mask), m(x, mask)
    assert torch.equal(found, expected)
    gradients = []
    for source, y in ((x, expected), (other, found)):
        gradients.append(torch.autograd.grad(y[mask].square().sum(), [source, *m.parameters()]))
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))
    assert not gradients[0][0][~mask].any()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_at_either_end_changes_nothing(bidirectional):
    m, x = mixer(bidirectional), draw(2, 9, 6)
    padded = torch.cat([draw(2, 4, 6, seed=1), x, draw(2, 3, 6, seed=2)], dim=1)
    mask = torch.zeros(2, 16, dtype=torch.bool)
    mask[:, 4:13] = True
    torch.testing.assert_close(m(padded, mask)[:, 4:13], m(x))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_masked_frame_between_two_is_as_if_time_stood_still(bidirectional):
    """With a convolution of one frame nothing else sees how far apart two frames are."""
    m, x = mixer(bidirectional, d_conv=1), draw(2, 9, 6)
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[:, [2, 3, 6]] = False
    torch.testing.assert_close(m(x, mask)[:, mask[0]], m(x[:, mask[0]]))


def test_parameter_count_is_mambas():
    d, n, k, e = 16, 4, 4, 32
    rank = math.ceil(d / 16)
    shared = d * 2 * e + e * d
    own = e * k + e + e * (rank + 2 * n) + rank * e + e + e * n + e
    assert sum(p.numel() for p in BiMamba(d, n, k).parameters()) == shared + 2 * own
    assert sum(p.numel() for p in BiMamba(d, n, k, bidirectional=False).parameters()) == shared + own
