"""Datasets that grow: rows are held, skipped, taken back, and written in pieces."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affectssm.store import column
from affectssm.store.column import Column

steps = st.lists(
    st.tuples(st.sampled_from(["append", "skip", "cut", "flush"]), st.integers(0, 9)), max_size=20
)


@settings(max_examples=60, deadline=None)
@given(steps=steps, piece=st.sampled_from([1, 100, 1 << 22]), shape=st.sampled_from([(), (3,), (2, 4)]))
def test_rows_are_as_if_written_at_once(steps, piece, shape) -> None:
    expected = np.zeros((0, *shape), np.float32)
    with (
        pytest.MonkeyPatch.context() as patch,
        h5py.File("x", "w", driver="core", backing_store=False) as file,
    ):
        patch.setattr(column, "PIECE_BYTES", piece)
        made = Column(file, "value", shape, np.float32)
        for number, (step, count) in enumerate(steps):
            if step == "append":
                rows = np.full((count, *shape), number + 1, np.float32)
                made.append(rows)
                expected = np.concatenate([expected, rows])
            elif step == "skip":
                made.skip(count)
                expected = np.concatenate([expected, np.zeros((count, *shape), np.float32)])
            elif step == "cut":
                expected = expected[:count]
                made.cut(len(expected))
            else:
                made.flush()
            assert made.rows == len(expected)
        made.flush()
        np.testing.assert_array_equal(file["value"][:], expected)


def test_a_known_number_of_rows_is_one_stretch(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        made = Column(file, "value", (3,), np.float16, rows=5)
        made.append(np.ones((2, 3), np.float16))
        made.append(np.full((3, 3), 2, np.float16))
        made.flush()
        assert file["value"].chunks is None and file["value"].dtype == np.float16
        np.testing.assert_array_equal(file["value"][:, 0], [1, 1, 2, 2, 2])
