"""BiMamba: both directions for real, standard initialisation, one scan for several, invisible masked frames."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from affectssm.ssm import mamba
from affectssm.ssm.mamba import BiMamba, mix_together
from affectssm.ssm.scan import selective_scan


def mixer(bidirectional=True, seed=0, **sizes) -> BiMamba:
    torch.manual_seed(seed)
    return BiMamba(**{"d_model": 6, "d_state": 3, "expand": 2} | sizes, bidirectional=bidirectional).double()


def one_direction(m: BiMamba, k: int, x: torch.Tensor) -> torch.Tensor:
    """Direction k on x (1, L, d), written step by step as Mamba's own block does it; y before gate and projection."""
    inner = m.in_proj(x)[..., : m.d_inner].transpose(1, 2)
    kernel = m.conv_weight[:, k].T.unsqueeze(1)
    u = F.silu(F.conv1d(F.pad(inner, (kernel.shape[-1] - 1, 0)), kernel, m.conv_bias[k], groups=m.d_inner))
    rank, b, c = (m.x_proj[k] @ u).split([m.dt_rank, m.d_state, m.d_state], dim=1)
    A = -m.A_log[k].exp()
    return selective_scan(
        u, m.dt_proj[k] @ rank, A, b, c, m.D[k], delta_bias=m.dt_bias[k], delta_softplus=True
    )


def test_is_the_gated_mean_of_a_forward_and_a_backward_pass():
    m, x = mixer(), torch.randn(1, 11, 6, dtype=torch.float64)
    gate = F.silu(m.in_proj(x)[..., m.d_inner :])
    y = 0.5 * (one_direction(m, 0, x) + one_direction(m, 1, x.flip(1)).flip(2))
    torch.testing.assert_close(m(x), m.out_proj(y.transpose(1, 2) * gate))


def test_unidirectional_sees_the_past_only_and_bidirectional_both():
    x = torch.randn(1, 10, 6, dtype=torch.float64)
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


def test_every_parameter_is_used():
    m = mixer()
    m(torch.randn(2, 7, 6, dtype=torch.float64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in m.parameters())


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_masked_frames_do_not_influence_valid_ones(bidirectional, seed):
    m = mixer(bidirectional)
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(3, 12, 6, generator=rng, dtype=torch.float64)
    mask = torch.rand(3, 12, generator=rng) > 0.4
    other = torch.where(
        mask.unsqueeze(-1), x, 100 * torch.randn(3, 12, 6, generator=rng, dtype=torch.float64)
    )
    torch.testing.assert_close(m(x, mask)[mask], m(other, mask)[mask])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_at_either_end_changes_nothing(bidirectional):
    m, x = mixer(bidirectional), torch.randn(2, 9, 6, dtype=torch.float64)
    padded = torch.cat([torch.randn(2, 4, 6), x, torch.randn(2, 3, 6)], dim=1)
    mask = torch.zeros(2, 16, dtype=torch.bool)
    mask[:, 4:13] = True
    torch.testing.assert_close(m(padded, mask)[:, 4:13], m(x))


def test_mixers_together_equal_mixers_apart_in_one_scan(monkeypatch):
    first, second = mixer(seed=0), mixer(seed=1)
    x, y = torch.randn(2, 2, 9, 6, dtype=torch.float64)
    mask = torch.rand(2, 9) > 0.3
    apart = [first(x, mask), second(y, mask)]
    calls = []
    monkeypatch.setattr(mamba, "selective_scan", lambda *a: calls.append(1) or selective_scan(*a))
    together = mix_together([first, second], [x, y], mask)
    assert len(calls) == 1
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other)


def test_parameter_count_is_mambas():
    d, n, k, e = 16, 4, 4, 32
    rank = math.ceil(d / 16)
    shared = d * 2 * e + e * d
    own = e * k + e + e * (rank + 2 * n) + rank * e + e + e * n + e
    assert sum(p.numel() for p in BiMamba(d, n, k).parameters()) == shared + 2 * own
    assert sum(p.numel() for p in BiMamba(d, n, k, bidirectional=False).parameters()) == shared + own
