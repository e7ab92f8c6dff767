"""Sequences brought to a common number of steps, against a plain loop."""

import numpy as np
import pytest

from affectssm.timeline.steps import to_steps


@pytest.mark.parametrize("rows", [1, 3, 7, 8, 9, 50, 61])
def test_a_step_is_the_mean_of_the_valid_rows_of_its_share(rows, steps=8):
    rng = np.random.default_rng(rows)
    value, valid = rng.normal(size=(rows, 2)), rng.random(rows) > 0.3
    value[~valid] = np.nan
    found, counts = to_steps(value, valid, steps, "share")
    for at in range(steps):
        first, last = at * rows // steps, (at + 1) * rows // steps
        own = range(first, last) if rows >= steps else [int((at + 0.5) * rows / steps)]
        kept = [value[row] for row in own if valid[row]]
        assert counts[at] == bool(kept)
        np.testing.assert_allclose(found[at], np.mean(kept, axis=0) if kept else 0, atol=1e-6)


def test_rows_that_are_steps_are_padded_and_ids_are_never_averaged():
    ids, valid = np.array([101, 7, 8, 9, 102], np.float32)[:, None], np.array([1, 1, 0, 1, 1], bool)
    for spread in ("row", "whole"):
        found, counts = to_steps(ids, valid, 6, spread)
        assert found[:, 0].tolist() == [101, 7, 0, 9, 102, 0] and counts.tolist() == [*valid.tolist(), False]
    found, counts = to_steps(ids, valid | True, 3, "whole")
    assert found[:, 0].tolist() == [101, 7, 102] and counts.all()
    assert to_steps(ids, valid | True, 2, "row")[0][:, 0].tolist() == [54, pytest.approx(119 / 3)]
