"""Intervals: what they are equal to, how often they cover the truth, and when there is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from affectssm.evaluation.intervals import (
    MIN_UNITS,
    NO_INTERVAL,
    Interval,
    ccc_without,
    jackknife_interval,
    mean_without,
)
from affectssm.training.agreement import ccc, ccc_of_moments, moments

Array = np.ndarray
REPEATS = 600
DEVIATION = 2.0  # standard deviations that a share of REPEATS may lie below what is asked, 1.8 points


def tracks(rng: np.random.Generator, count: int, noise: float = 0.1) -> list[tuple[Array, Array]]:
    levels = [(y + noise * rng.standard_normal(40), y) for y in rng.random((count, 40))]
    return [(np.clip(x, 0, 1), y) for x, y in levels]


def test_without_a_recording_it_is_the_ccc_of_the_others() -> None:
    own = tracks(np.random.default_rng(0), 4)
    found = ccc_without(np.stack([moments(*t) for t in own])[None])
    for at in range(4):
        others = [t for place, t in enumerate(own) if place != at]
        x, y = (np.concatenate([t[side] for t in others]) for side in (0, 1))
        assert found[at] == pytest.approx(ccc(x, y), abs=1e-12)


def test_the_mean_over_seeds_is_taken_inside() -> None:
    rng = np.random.default_rng(1)
    a, b = (np.stack([moments(*t) for t in tracks(rng, 3, noise)]) for noise in (0.1, 0.6))
    one_by_one = (ccc_without(a[None]) + ccc_without(b[None])) / 2
    np.testing.assert_allclose(ccc_without(np.stack([a, b])), one_by_one)


def test_of_a_mean_it_is_the_t_interval() -> None:
    values = np.random.default_rng(2).normal(3.0, 2.0, 9)
    found = jackknife_interval(values.mean(), [mean_without(values[None], np.ones((1, 9)))])
    wanted = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), rel=1e-12)


def test_over_two_groups_it_is_welchs() -> None:
    """Half the sum of a mean and a negated mean is half a difference, whose interval scipy knows."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(2.0, 1.0, 7), rng.normal(0.0, 4.0, 12)
    without = [mean_without(x[None], np.ones((1, len(x)))) for x in (a, -b)]
    found = jackknife_interval((a.mean() - b.mean()) / 2, without)
    wanted = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (2 * found.low, 2 * found.high) == pytest.approx((wanted.low, wanted.high), rel=1e-12)


def covered(draw: Callable[[], Interval], truth: float) -> float:
    found = [draw() for _ in range(REPEATS)]
    return float(np.mean([own.low <= truth <= own.high for own in found]))


def least(share: float) -> float:
    return share - DEVIATION * np.sqrt(share * (1 - share) / REPEATS)


GAINS = {
    "normal": (0.95, lambda rng, n: rng.standard_normal(n)),
    "accuracies": (0.92, lambda rng, n: rng.binomial(60, rng.beta(12, 3, n)) / 60 - 0.8),
    "few answers changed": (0.94, lambda rng, n: (rng.binomial(60, 0.06, n) - rng.binomial(60, 0.03, n)) - 1.8),
}  # fmt: skip


@pytest.mark.parametrize("count", [MIN_UNITS, 10, 20])
@pytest.mark.parametrize("kind", GAINS)
def test_covers_the_mean_as_often_as_it_says(kind: str, count: int) -> None:
    rng, (share, values) = np.random.default_rng([count, len(kind)]), GAINS[kind]

    def draw() -> Interval:
        own = values(rng, count)
        return jackknife_interval(own.mean(), [mean_without(own[None], np.ones((1, count)))])

    assert least(share) < covered(draw, 0.0) < 0.98


def recording(rng: np.random.Generator) -> Array:
    """Moments of 200 frames whose level, agreement and bias are the recording's own."""
    slow = np.array([np.convolve(rng.standard_normal(200), np.ones(20) / np.sqrt(20), "same") for _ in "xy"])
    y = rng.normal(0, 0.5) + 0.5 * slow[0]
    return moments(rng.normal(0, 0.3) + rng.uniform(0.4, 0.9) * y + 0.4 * slow[1], y)


@pytest.mark.parametrize("count", [MIN_UNITS, 12])
def test_covers_the_ccc_of_all_frames_better_than_resampling_does(count: int) -> None:
    rng = np.random.default_rng(count)
    truth = float(ccc_of_moments(sum(recording(rng) for _ in range(4000))))
    percentile = []

    def draw() -> Interval:
        own = np.stack([recording(rng) for _ in range(count)])
        drawn = rng.multinomial(count, np.full(count, 1 / count), 200)
        low, high = np.percentile(ccc_of_moments(drawn @ own), [2.5, 97.5])
        percentile.append(low <= truth <= high)
        return jackknife_interval(float(ccc_of_moments(own.sum(axis=0))), [ccc_without(own[None])], (-1, 1))

    found = covered(draw, truth)
    assert found > least(0.92)
    assert found > np.mean(percentile) + 0.03  # a bootstrap by percentiles is too narrow for so few


@pytest.mark.parametrize("count", range(MIN_UNITS))
def test_none_below_the_floor(count: int) -> None:
    values = np.random.default_rng(4).random((1, count))
    without = mean_without(values, np.ones_like(values))
    assert jackknife_interval(0.5, [without]) is NO_INTERVAL
    plenty = np.random.default_rng(5).random(20)
    assert jackknife_interval(0.5, [plenty, without]) is NO_INTERVAL  # nor of a mean of which it is a part


def test_none_where_units_are_alike_or_one_decides_whether_there_is_a_number() -> None:
    same = np.stack([moments(*tracks(np.random.default_rng(6), 1)[0])] * 8)[None]
    value = float(ccc_of_moments(same.sum(axis=1))[0])
    assert jackknife_interval(value, [ccc_without(same)]) is NO_INTERVAL
    tenth = np.full((1, 8), 0.1)
    assert jackknife_interval(0.1, [mean_without(tenth, np.ones_like(tenth))]) is NO_INTERVAL
    assert jackknife_interval(0.5, [np.array([0.4, 0.6, np.nan, 0.5, 0.5, 0.5, 0.4])]) is NO_INTERVAL
    assert jackknife_interval(float("nan"), [np.arange(8.0)]) is NO_INTERVAL


def test_stays_within_what_the_statistic_can_be() -> None:
    values = np.array([[1, 1, 1, 1, 1, 0.4, 1.0]])
    found = jackknife_interval(values.mean(), [mean_without(values, np.ones_like(values))], (0.0, 1.0))
    assert found.high == 1.0 and 0 < found.low < values.mean()
