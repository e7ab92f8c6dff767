"""The scan against a float64 numpy loop written from the equation, its gradients, and its conventions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete

from affectssm.ssm.reference import discretise
from affectssm.ssm.scan import selective_scan


def oracle(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False):
    """The recurrence, one number at a time."""
    u, delta, A, B, C = (np.asarray(t, dtype=np.float64) for t in (u, delta, A, B, C))
    if B.ndim == 3:
        B, C = B[:, None], C[:, None]
    if delta_bias is not None:
        delta = delta + np.asarray(delta_bias, dtype=np.float64)[:, None]
    if delta_softplus:
        delta = np.log1p(np.exp(delta))
    batch, channels, length = u.shape
    y = np.zeros_like(u)
    last = np.zeros((batch, channels, A.shape[1]))
    for b in range(batch):
        for d in range(channels):
            group = d * B.shape[1] // channels
            h = np.zeros(A.shape[1])
            for t in range(length):
                step = delta[b, d, t]
                h = np.exp(step * A[d]) * h + step * B[b, group, :, t] * u[b, d, t]
                y[b, d, t] = h @ C[b, group, :, t]
            last[b, d] = h
    if D is not None:
        y += u * np.asarray(D, dtype=np.float64)[:, None]
    if z is not None:
        gate = np.asarray(z, dtype=np.float64)
        y *= gate / (1 + np.exp(-gate))
    return y, last


def arguments(groups: int, dtype=torch.float64, batch=2, channels=6, states=3, length=9, seed=0):
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)

    shape = (batch, states, length) if groups == 0 else (batch, groups, states, length)
    required = {
        "u": draw(batch, channels, length),
        "delta": draw(batch, channels, length),
        "A": -torch.rand(channels, states, generator=rng, dtype=torch.float64).to(dtype) - 0.1,
        "B": draw(*shape),
        "C": draw(*shape),
    }
    optional = {"D": draw(channels), "z": draw(batch, channels, length), "delta_bias": draw(channels)}
    return required, optional


@pytest.mark.parametrize("groups", [0, 1, 2, 3])
def test_equals_the_oracle(groups):
    required, optional = arguments(groups)
    y, last = selective_scan(**required, **optional, delta_softplus=True, return_last_state=True)
    expected, expected_last = oracle(**required, **optional, delta_softplus=True)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(last, expected_last, rtol=1e-10, atol=1e-12)


def test_equals_the_oracle_without_options():
    required, _ = arguments(0)
    required["delta"] = required["delta"].abs()
    np.testing.assert_allclose(selective_scan(**required), oracle(**required)[0], rtol=1e-10, atol=1e-12)


def test_gradients():
    required, optional = arguments(2, channels=4, length=5)
    tensors = [t.requires_grad_() for t in (*required.values(), *optional.values())]
    assert torch.autograd.gradcheck(lambda *a: selective_scan(*a, delta_softplus=True), tensors)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_half_inputs_keep_a_float32_state(dtype, tolerance):
    required, optional = arguments(1, dtype=dtype, length=200)
    y, last = selective_scan(**required, **optional, delta_softplus=True, return_last_state=True)
    expected, expected_last = oracle(
        **{k: v.double() for k, v in (required | optional).items()}, delta_softplus=True
    )
    assert y.dtype == dtype and last.dtype == torch.float32
    np.testing.assert_allclose(last, expected_last, rtol=1e-4, atol=1e-4)
    assert np.abs(y.double().numpy() - expected).max() <= tolerance * np.abs(expected).max()


def test_a_zero_step_leaves_the_state_alone():
    required, _ = arguments(1, length=8)
    required["delta"] = required["delta"].abs()
    required["delta"][..., 4:] = 0
    _, last = selective_scan(**required, return_last_state=True)
    short = {k: v if k == "A" else v[..., :4] for k, v in required.items()}
    _, before = selective_scan(**short, return_last_state=True)
    torch.testing.assert_close(last, before)


def test_takes_transposed_views():
    required, optional = arguments(2)
    views = {
        k: v if k == "A" else v.transpose(-1, -2).contiguous().transpose(-1, -2) for k, v in required.items()
    }
    torch.testing.assert_close(selective_scan(**views, **optional), selective_scan(**required, **optional))


@pytest.mark.parametrize(("rule", "method"), [("zoh", "zoh"), ("bilinear", "bilinear")])
def test_other_discretisations_are_those_of_the_textbook(rule, method):
    """scipy discretises x' = a x + b u; its bilinear input matrix is the same as dt / (1 - dt a / 2)."""
    for rate, dt in ((-0.7, 0.3), (-5.0, 1.2), (-1e-9, 0.5)):
        decay, gain, *_ = cont2discrete([np.array([[x]]) for x in (rate, 1.0, 1.0, 0.0)], dt, method)
        found = discretise(*torch.tensor([dt, rate], dtype=torch.float64), rule)
        np.testing.assert_allclose([float(t) for t in found], [decay[0, 0], gain[0, 0]], rtol=1e-7)


def test_zoh_without_decay_adds_up():
    ones = torch.ones(1, 1, 4)
    y = selective_scan(ones, ones, torch.zeros(1, 2), *[torch.ones(1, 2, 4)] * 2, discretisation="zoh")
    torch.testing.assert_close(y[0, 0], 2 * torch.arange(1.0, 5.0))


@pytest.mark.parametrize("groups", [1, 2])
def test_reverse_is_the_scan_of_the_turned_signals(groups):
    required, optional = arguments(groups)
    turned = {k: v if k in ("A", "D", "delta_bias") else v.flip(-1) for k, v in (required | optional).items()}
    expected = selective_scan(**turned, delta_softplus=True).flip(-1)
    torch.testing.assert_close(
        selective_scan(**required, **optional, delta_softplus=True, reverse=True), expected
    )
    if groups == 2:  # both directions in one call
        forward = selective_scan(**required, **optional, delta_softplus=True)
        both = selective_scan(**required, **optional, delta_softplus=True, reverse=(False, True))
        torch.testing.assert_close(both, torch.cat([forward[:, :3], expected[:, 3:]], dim=1))
