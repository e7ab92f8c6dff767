"""What a track must be."""

from itertools import pairwise

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.store.track import PIECE_BYTES, Track, TrackInfo, check_track, pieces


def track(rows: int = 4, **changes: np.ndarray) -> Track:
    known = {
        "value": np.zeros((rows, 2), np.float32),
        "time": np.arange(float(rows)),
        "valid": np.ones(rows, bool),
    }
    return Track(**{**known, **changes}, rate=25.0)


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_a_track_of_any_length_is_one(rows: int) -> None:
    check_track("s00.h5", "001/expert", track(rows))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"value": np.zeros((3, 2), np.float32)}, "shapes"),
        ({"value": np.zeros(4, np.float32)}, "shapes"),
        ({"valid": np.ones(5, bool)}, "shapes"),
        ({"time": np.array([0, 1, 1, 2.0])}, "do not increase"),
        ({"time": np.array([0, 1, np.nan, 2])}, "times that are not finite"),
        ({"time": np.array([0, 1, 2, np.inf])}, "times that are not finite"),
        ({"value": np.full((4, 2), np.nan, np.float16)}, "values that are not finite"),
    ],
)
def test_what_is_none_is_refused(changes: dict, found: str) -> None:
    with pytest.raises(DataError, match=f"001/expert with .*{found}"):
        check_track("s00.h5", "001/expert", track(**changes))


def test_rows_follow_those_before_them() -> None:
    check_track("s00.h5", "001/expert", track(), after=-0.5)
    with pytest.raises(DataError, match="do not increase"):
        check_track("s00.h5", "001/expert", track(), after=0.0)


@pytest.mark.parametrize(
    ("rows", "dim"), [(0, 3), (1, 0), (10, 3), (3 * PIECE_BYTES // 4 + 1, 1), (7, PIECE_BYTES)]
)
def test_pieces_cover_every_row_once(rows: int, dim: int) -> None:
    found = list(pieces(TrackInfo(rows, dim, 25.0, np.dtype(np.float32))))
    assert found[0].start == 0 and found[-1].stop >= rows
    assert all(one.stop == other.start for one, other in pairwise(found))
    assert all((one.stop - one.start) * dim * 4 <= max(PIECE_BYTES, 4 * dim) for one in found)
