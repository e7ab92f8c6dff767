import math
from fractions import Fraction

import numpy as np
import pytest

from affectssm.evaluation.metrics import by_frame_pairs, official_pairs
from affectssm.training.agreement import ccc, ccc_of_moments, moments


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


def by_fractions(x, y) -> float:
    """Lin's formula in exact arithmetic; NaN where it is 0 / 0 or there is one frame alone."""
    x, y = ([Fraction(float(v)) for v in values] for values in (x, y))
    n = len(x)
    if n < 2:
        return math.nan
    mx, my = sum(x) / n, sum(y) / n
    below = sum((a - mx) ** 2 + (b - my) ** 2 for a, b in zip(x, y, strict=True)) / n + (mx - my) ** 2
    above = 2 * sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / n
    return float(above / below) if below else math.nan


RANDOM = np.random.default_rng(7).random((2, 40))
EDGES = {
    "nothing": ([], []),
    "one frame, hit": ([0.3], [0.3]),
    "one frame, missed": ([0.3], [0.8]),
    "two frames": ([0.1, 0.4], [0.2, 0.9]),
    "equal constants": ([0.3] * 50, [0.3] * 50),
    "unequal constants": ([0.3] * 50, [0.8] * 50),
    "constants that nearly agree": ([0.7] * 50, [0.70001] * 50),
    "a constant prediction": ([0.3] * 40, RANDOM[1]),
    "constant labels": (RANDOM[0], [0.3] * 40),
    "ratings of 1 to 9": (1 + 8 * RANDOM[0], 1 + 8 * RANDOM[1]),
    "float32 around ten thousand": (
        (1e4 + RANDOM[0]).astype(np.float32),
        (1e4 + RANDOM[1]).astype(np.float32),
    ),
    "equal constants around ten thousand": ([np.float32(12345.678)] * 7, [np.float32(12345.678)] * 7),
    "a hundred millionth of spread around a million": (1e6 + 1e-2 * RANDOM[0], 1e6 + 1e-2 * RANDOM[1]),
    "far apart": (1e4 + RANDOM[0], RANDOM[1]),
}


@pytest.mark.parametrize("name", EDGES)
def test_the_edges_are_those_of_the_formula(name):
    x, y = (np.array(values) for values in EDGES[name])
    assert ccc(x, y) == pytest.approx(by_fractions(x, y), abs=1e-6, nan_ok=True)
    assert np.isnan(ccc(x, y)) == (len(x) < 2 or "equal constants" in name.replace("unequal", ""))
    if np.abs(x).max(initial=0) < 10:  # sums around the middle of the scale, as recordings are added up
        assert float(ccc_of_moments(moments(x, y))) == pytest.approx(
            by_fractions(x, y), abs=1e-6, nan_ok=True
        )


def test_sums_that_rounding_has_eaten_tell_nothing():
    x, y = 1e8 + RANDOM[0], 1e8 + RANDOM[1]
    assert np.isnan(ccc_of_moments(moments(x, y)))
    assert ccc(x, y) == pytest.approx(by_fractions(x, y), abs=1e-6)


def test_an_empty_or_single_recording_adds_to_a_sum_what_it_holds():
    whole = moments(*RANDOM)
    parts = moments(RANDOM[0, :39], RANDOM[1, :39]) + moments(RANDOM[0, 39:], RANDOM[1, 39:])
    np.testing.assert_allclose(parts + moments(np.empty(0), np.empty(0)), whole)
    assert float(ccc_of_moments(parts)) == pytest.approx(by_fractions(*RANDOM), abs=1e-12)


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
