import numpy as np
import pytest

from affectssm.evaluation.intervals import counts, percentile_interval, resampled_ccc, resampled_mean
from affectssm.evaluation.metrics import ccc, moments


def units(rng, n, noise=0.1):
    tracks = []
    for _ in range(n):
        y = rng.random(40)
        tracks.append((np.clip(y + noise * rng.standard_normal(40), 0, 1), y))
    return tracks


def test_a_resample_is_the_ccc_of_the_drawn_recordings():
    rng = np.random.default_rng(0)
    tracks = units(rng, 4)
    sums = np.stack([moments(*t) for t in tracks])[None]
    drawn = np.array([[2.0, 0.0, 1.0, 1.0]])
    chosen = [tracks[0], tracks[0], tracks[2], tracks[3]]
    expected = ccc(np.concatenate([t[0] for t in chosen]), np.concatenate([t[1] for t in chosen]))
    assert resampled_ccc(sums, drawn)[0] == pytest.approx(expected, abs=1e-12)


def test_the_mean_over_seeds_is_taken_inside_a_resample():
    rng = np.random.default_rng(1)
    a = np.stack([moments(*t) for t in units(rng, 3, 0.1)])
    b = np.stack([moments(*t) for t in units(rng, 3, 0.6)])
    drawn = counts("noxi", 3, 20, 0)
    both = resampled_ccc(np.stack([a, b]), drawn)
    one_by_one = (resampled_ccc(a[None], drawn) + resampled_ccc(b[None], drawn)) / 2
    np.testing.assert_allclose(both, one_by_one)


def test_equal_units_have_no_spread_and_one_unit_no_interval():
    track = units(np.random.default_rng(2), 1)[0]
    sums = np.stack([moments(*track)] * 5)[None]
    resampled = resampled_ccc(sums, counts("x", 5, 50, 0))
    interval = percentile_interval(resampled, 5)
    assert interval.low == pytest.approx(interval.high) == pytest.approx(ccc(*track))
    assert np.isnan(percentile_interval(resampled, 1).low)


def test_draws_are_reproducible_and_differ_between_corpora():
    np.testing.assert_array_equal(counts("noxi", 6, 30, 1), counts("noxi", 6, 30, 1))
    assert not np.array_equal(counts("noxi", 6, 30, 1), counts("mpiigi", 6, 30, 1))
    assert (counts("noxi", 6, 30, 1).sum(axis=1) == 6).all()


def test_interval_covers_the_truth_of_a_known_case():
    """The mean of n normal units: the 95 % interval is close to +-1.96 sd / sqrt(n)."""
    rng = np.random.default_rng(3)
    values = rng.standard_normal(400)[None]
    resampled = resampled_mean(values, np.ones_like(values), counts("x", 400, 4000, 0))
    interval = percentile_interval(resampled, 400)
    half = 1.96 * values.std() / 20
    assert interval.low == pytest.approx(values.mean() - half, abs=0.02)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.02)
