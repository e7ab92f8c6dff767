"""Sequences brought to steps: what each step is made of, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectssm.timeline.steps import to_steps

sizes = st.integers(1, 60)


def sequence(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    value, valid = rng.normal(size=(rows, 3)).astype(np.float32), rng.random(rows) < share
    value[~valid] = np.nan  # never to be seen
    return value, valid


def by_hand(value: np.ndarray, valid: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Row t lies in share floor(t L / T), or, of fewer rows, a step has the row in which its centre lies."""
    found, counts = np.zeros((steps, value.shape[1])), np.zeros(steps, bool)
    for step in range(steps):
        if len(value) < steps:
            mine = [next(t for t in range(len(value)) if 2 * steps * (t + 1) > (2 * step + 1) * len(value))]
        else:
            mine = [
                t for t in range(len(value))
                if step * len(value) // steps <= t < (step + 1) * len(value) // steps
            ]  # fmt: skip
        kept = [value[t].astype(np.float64) for t in mine if valid[t]]
        if kept:
            found[step], counts[step] = sum(kept) / len(kept), True
    return found, counts


@given(sizes, sizes, st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 5))
def test_shares_are_the_means_of_their_valid_rows(rows: int, steps: int, share: float, seed: int) -> None:
    value, valid = sequence(rows, share, seed)
    found, counts = to_steps(value, valid, steps, "share")
    wanted, there = by_hand(value, valid, steps)
    assert found.dtype == np.float32 and counts.dtype == bool
    np.testing.assert_array_equal(counts, there)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@given(sizes, sizes, st.integers(0, 5))
def test_rows_are_steps_and_what_is_missing_is_padding(rows: int, steps: int, seed: int) -> None:
    value, valid = sequence(rows, 0.5, seed)
    found, counts = to_steps(value, valid, steps, "row")
    if rows > steps:
        shared = to_steps(value, valid, steps, "share")
        assert np.array_equal(found, shared[0]) and np.array_equal(counts, shared[1])
    else:
        assert counts.tolist() == [*valid.tolist(), *[False] * (steps - rows)]
        assert np.array_equal(found[counts], value[valid]) and not found[~counts].any()


@given(sizes, sizes, st.integers(0, 5))
def test_the_first_rows_are_kept_as_they_are(rows: int, steps: int, seed: int) -> None:
    value, valid = sequence(rows, 0.7, seed)
    found, counts = to_steps(value, valid, steps, "first")
    kept = min(rows, steps)
    assert counts[:kept].tolist() == valid[:kept].tolist() and not counts[kept:].any()
    assert np.array_equal(found[counts], value[:kept][valid[:kept]]) and not found[~counts].any()


@pytest.mark.parametrize("spread", ["share", "row", "first"])
def test_as_many_rows_as_steps_stay_as_they_are(spread) -> None:
    value, valid = sequence(50, 1.0, 0)
    found, counts = to_steps(value, valid, 50, spread)
    assert np.array_equal(found, value) and counts.all()


def test_many_rows_keep_their_mean() -> None:
    value, valid = 1e4 + sequence(100_000, 1.0, 1)[0], np.ones(100_000, bool)
    found, _ = to_steps(value, valid, 50, "share")
    np.testing.assert_allclose(found.mean(axis=0), value.astype(np.float64).mean(axis=0), rtol=2e-7)
