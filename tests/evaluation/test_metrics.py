import numpy as np
import pytest

from affectssm.evaluation.metrics import (
    by_frame_pairs,
    ccc,
    ccc_of_moments,
    moments,
    official_pairs,
)


def textbook_ccc(x, y):
    """rho * 2 sd_x sd_y / (...): another road to the same number."""
    rho = np.corrcoef(x, y)[0, 1]
    return 2 * rho * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


@pytest.mark.parametrize("seed", range(3))
def test_ccc_equals_the_textbook_formula(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.random(500), rng.random(500)
    y = 0.3 * x + 0.5 * y
    assert ccc(x, y) == pytest.approx(textbook_ccc(x, y), abs=1e-12)


def test_perfect_reversed_and_constant():
    x = np.linspace(0, 1, 50)
    assert ccc(x, x) == pytest.approx(1.0)
    assert ccc(x, 1 - x) == pytest.approx(-1.0)
    assert ccc(np.full(50, 0.3), x) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(ccc(np.full(50, 0.3), np.full(50, 0.3)))
    assert np.isnan(ccc(np.empty(0), np.empty(0)))


def test_moments_add_up_to_the_concatenation():
    rng = np.random.default_rng(0)
    parts = [(rng.random(n), rng.random(n)) for n in (10, 200, 31)]
    together = ccc(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))
    assert float(ccc_of_moments(sum(moments(*p) for p in parts))) == pytest.approx(together, abs=1e-12)


def test_moments_refuse_different_lengths():
    with pytest.raises(ValueError, match="predictions for"):
        moments(np.zeros(3), np.zeros(4))


def test_by_frame_masks_and_official_shifts():
    target = np.array([0.1, 0.0, 0.3, 0.4, 0.5])
    valid = np.array([True, False, True, True, True])
    prediction = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    x, y = by_frame_pairs(prediction, target, valid)
    assert x.tolist() == [1, 3, 4, 5] and y.tolist() == [0.1, 0.3, 0.4, 0.5]
    x, y = official_pairs(prediction, target, valid)
    assert x.tolist() == [1, 2, 3, 4] and y.tolist() == [0.1, 0.3, 0.4, 0.5]


def test_the_shorter_track_decides():
    x, y = by_frame_pairs(np.arange(3.0), np.arange(5.0), np.ones(5, bool))
    assert len(x) == len(y) == 3
