"""Onsets told to rated trials: right or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectssm.corpora.alignment import UNITS_S, align


def session(rng: np.random.Generator, trials: int) -> np.ndarray:
    """Seconds at which trials begin: a minute each, and as long as the ratings take."""
    return 120 + np.cumsum(66 + rng.gamma(4.0, 6.0, trials))


@given(
    seed=st.integers(0, 10**6),
    trials=st.integers(12, 40),
    missing=st.integers(1, 6),
    unit=st.sampled_from(UNITS_S),
    shift=st.floats(-500, 500),
)
def test_missing_trials_are_told_by_the_gaps(
    seed: int, trials: int, missing: int, unit: float, shift: float
) -> None:
    rng = np.random.default_rng(seed)
    begins = session(rng, trials)
    kept = np.sort(rng.choice(trials, trials - missing, replace=False))
    onsets = begins[kept] + rng.normal(0, 0.02, len(kept)) + shift
    found = align(onsets.tolist(), (np.round(begins / unit)).tolist() if unit < 1 else begins.tolist())
    assert found is None or found == kept.tolist()
    if missing <= 3 and trials >= 30:
        assert found == kept.tolist()


def test_the_three_that_s28_lacks() -> None:
    begins = session(np.random.default_rng(28), 40)
    kept = [place for place in range(40) if place not in (23, 24, 25)]
    assert align(begins[kept].tolist(), (begins * 1e4 + 7).tolist()) == kept


def test_even_gaps_tell_nothing() -> None:
    begins = 100.0 * np.arange(40)
    assert align(begins[:37].tolist(), begins.tolist()) is None
    # with a hole inside, three places remain for what lies around it
    assert align(np.delete(begins, [10, 11]).tolist(), begins.tolist()) == [*range(10), *range(12, 40)]


@pytest.mark.parametrize("onsets", [[], [1.0], [1.0, 2.0, 3.0, 4.0]])
def test_nothing_to_go_by(onsets: list[float]) -> None:
    assert align(onsets, [1.0, 50.0, 120.0]) is None


def test_onsets_that_fit_nowhere() -> None:
    assert align([0.0, 11.0, 170.0], [0.0, 100.0, 230.0, 301.0]) is None
