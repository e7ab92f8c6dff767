import math

import numpy as np
import pytest
import torch

from affectssm.training.agreement import ccc as ccc_of_arrays
from affectssm.training.losses import (
    at_label_frames,
    ccc,
    ccc_loss,
    info_nce,
    subsample,
    valid_at_label_frames,
)

MIDDLE = slice(32, 64)


def test_masked_ccc_equals_the_metric_on_the_valid_frames():
    rng = np.random.default_rng(0)
    x, y = rng.random((4, 8)), rng.random((4, 8))
    valid = rng.random((4, 8)) > 0.3
    y_spoiled = np.where(valid, y, 100.0)
    found = ccc(torch.tensor(x), torch.tensor(y_spoiled), torch.tensor(valid))
    assert found.item() == pytest.approx(ccc_of_arrays(x[valid], y[valid]), abs=1e-9)


def test_ccc_is_the_correlation_times_the_bias_correction():
    """Lin, Biometrics 1989: rho times C_b, by numpy's own correlation and deviations."""
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 4000))
    y = 0.5 * x + 0.5 * y
    scale, shift = x.std() / y.std(), (x.mean() - y.mean()) / np.sqrt(x.std() * y.std())
    expected = np.corrcoef(x, y)[0, 1] * 2 / (scale + 1 / scale + shift**2)
    found = ccc(torch.tensor(x), torch.tensor(y), torch.ones(4000, dtype=torch.bool)).item()
    assert found == pytest.approx(expected, abs=1e-9)


def test_gradient_agrees_with_differences_and_ignores_masked_frames():
    torch.manual_seed(1)
    x = torch.rand(12, dtype=torch.float64, requires_grad=True)
    y = torch.rand(12, dtype=torch.float64)
    valid = torch.ones(12, dtype=torch.bool)
    valid[3] = False
    assert torch.autograd.gradcheck(lambda p: ccc_loss(p, y, valid), (x,))
    ccc_loss(x, y, valid).backward()
    assert x.grad[3] == 0


@pytest.mark.parametrize("unset", [math.nan, math.inf, -math.inf, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_a_masked_entry_holds_reaches_neither_loss_nor_gradient(unset, dtype):
    torch.manual_seed(1)
    x, y = torch.rand(3, 8, dtype=dtype), torch.rand(3, 8, dtype=dtype)
    valid = torch.rand(3, 8) > 0.4
    left = torch.tensor(x[valid].double().numpy(), requires_grad=True)
    mean, other = left.mean(), y[valid].double()
    below = left.var(correction=0) + other.var(correction=0) + (mean - other.mean()) ** 2
    expected = 1 - 2 * ((left - mean) * (other - other.mean())).mean() / below
    expected.backward()
    for spoiled in ((x, y.masked_fill(~valid, unset)), [v.masked_fill(~valid, unset) for v in (x, y)]):
        given = spoiled[0].clone().requires_grad_()
        loss = ccc_loss(given, spoiled[1], valid)
        loss.backward()
        assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
        torch.testing.assert_close(given.grad[valid].double(), left.grad, atol=1e-6, rtol=0)
        assert (given.grad[~valid] == 0).all()


def test_where_the_metric_is_no_number_the_loss_is_one_and_pulls_at_nothing_single():
    one = torch.tensor([False, True, False])
    for labels in ([0.1, 0.3, 0.2], [math.nan, 0.3, math.nan], [0.1, 0.9, 0.2]):
        x = torch.tensor([0.2, 0.3, 0.9], requires_grad=True)
        loss = ccc_loss(x, torch.tensor(labels), one)
        loss.backward()
        assert loss.item() == 1 and (x.grad == 0).all()
    same = torch.full((5,), 0.3)
    assert ccc(same, same, torch.ones(5, dtype=torch.bool)) == 0


def test_the_loss_on_float32_far_from_zero_is_that_of_the_formula():
    rng = np.random.default_rng(0)
    x, y = (rng.random((2, 64)) + 1e4).astype(np.float32)
    own = x.astype(np.float64), y.astype(np.float64)
    covariance = np.cov(*own, ddof=0)
    expected = 2 * covariance[0, 1] / (np.trace(covariance) + (own[0].mean() - own[1].mean()) ** 2)
    found = ccc(torch.tensor(x), torch.tensor(y), torch.ones(64, dtype=torch.bool))
    assert found.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("target", [torch.full((6,), 0.5), torch.rand(6)])
def test_constant_predictions_and_empty_masks_give_finite_gradients(target):
    for valid in (torch.ones(6, dtype=torch.bool), torch.zeros(6, dtype=torch.bool)):
        x = torch.full((6,), 0.5, requires_grad=True)
        ccc_loss(x, target, valid).backward()
        assert torch.isfinite(x.grad).all()


def test_label_frames_are_means_over_their_clock_frames():
    frames = torch.arange(96.0).expand(2, 96)
    assert at_label_frames(frames, 4, MIDDLE)[0].tolist() == [33.5 + 4 * i for i in range(8)]
    assert at_label_frames(frames, 1, MIDDLE)[0].tolist() == list(range(32, 64))
    valid = torch.ones(1, 96, dtype=torch.bool)
    valid[0, 35] = False
    assert valid_at_label_frames(valid, 4, MIDDLE)[0].tolist() == [False] + [True] * 7


def test_info_nce_equals_a_loop():
    torch.manual_seed(2)
    audio, visual = torch.randn(5, 3), torch.randn(5, 3)
    window, frame = torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 2, 0, 4])
    tau = 0.2

    def cosine(a, b):
        return (a @ b / (a.norm() * b.norm())).item()

    def one_side(first, second):
        terms = []
        for i in range(5):
            allowed = [j for j in range(5) if not (window[i] == window[j] and abs(frame[i] - frame[j]) == 1)]
            exps = {j: math.exp(cosine(first[i], second[j]) / tau) for j in allowed}
            terms.append(-math.log(exps[i] / sum(exps.values())))
        return sum(terms) / 5

    expected = 0.5 * (one_side(audio, visual) + one_side(visual, audio))
    assert info_nce(audio, visual, window, frame, tau).item() == pytest.approx(expected, abs=1e-5)


def test_info_nce_prefers_aligned_frames():
    torch.manual_seed(3)
    x = torch.randn(16, 8)
    window, frame = torch.arange(16), torch.zeros(16, dtype=torch.long)
    aligned = info_nce(x, x, window, frame, 0.07)
    assert aligned < 0.1 < info_nce(x, x.roll(1, 0), window, frame, 0.07)
    assert info_nce(x[:1], x[:1], window[:1], frame[:1], 0.07) == 0


def test_subsampling_is_decided_by_the_generator():
    valid = torch.ones(10, 8, dtype=torch.bool)
    valid[4] = False
    first = subsample(valid, 20, torch.Generator().manual_seed(5))
    again = subsample(valid, 20, torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(first[0]) == 20 and 4 not in first[0].tolist()
    assert len(subsample(valid, 1000, torch.Generator())[0]) == 72
