"""Faces are found where they are, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectssm.features.facebox import BOX, POINTS
from affectssm.features.faces import FaceTrack, FaceTracker
from tests.features.helpers import MEDIA, run

real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")
SETTINGS = {"min_confidence": 0.5}


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    from skimage.data import astronaut

    return astronaut()


def follow(pictures: list[np.ndarray]) -> list[np.ndarray | None]:
    tracker = FaceTracker(0.5)
    try:
        return [tracker.follow(picture) for picture in pictures]
    finally:
        tracker.close()


def test_the_box_is_on_the_face_and_moves_with_it(photograph: np.ndarray) -> None:
    moved = np.roll(photograph, (20, 30), (0, 1))
    (first,), (second,) = follow([photograph]), follow([moved])
    assert first is not None and second is not None
    x, y, width, height = first[BOX]
    assert 170 < x < 225 < x + width < 290 and 50 < y < 123 < y + height < 200
    np.testing.assert_allclose((second - first)[POINTS].reshape(-1, 2).mean(0), [30, 20], atol=1.5)
    points = first[POINTS].reshape(-1, 2)
    np.testing.assert_allclose([*points.min(0), *np.ptp(points, axis=0)], first[BOX], rtol=1e-5)


def test_a_face_that_leaves_is_lost_and_found_again(photograph: np.ndarray) -> None:
    empty = np.ascontiguousarray(photograph[::-1, ::-1][:200])
    empty[:] = 127
    pictures = [photograph] * 3 + [empty] * 2 + [photograph] * 3
    found = [row is not None for row in follow(pictures)]
    assert found[:3] == [True] * 3 and found[3:5] == [False] * 2 and found[-1]


@real
@pytest.mark.parametrize(
    ("clip", "pictures", "least", "most", "code"),
    [
        ("WolfgangLanger_Pexels", 472, 0.95, 1.0, None),
        ("single_face", 72, 0.95, 1.0, None),
        ("chaplin", 241, 0.0, 0.1, "no_face"),
        ("no_face", 95, 0.0, 0.0, "no_face"),
    ],
)
def test_real_clips(clip: str, pictures: int, least: float, most: float, code: str | None) -> None:
    track, source = run(FaceTrack("face_track", SETTINGS), MEDIA / "face" / f"{clip}.mp4")
    assert track.value.shape == (pictures, 940)
    assert least <= track.valid.mean() <= most
    assert not track.value[~track.valid].any()
    assert np.isfinite(track.value).all() and (np.diff(track.time) > 0).all()
    assert [note.code for note in source.notes] == ([code] if code else [])


@real
def test_tracking_twice_gives_the_same_bits() -> None:
    path: Path = MEDIA / "face" / "single_face.mp4"
    first, second = (run(FaceTrack("face_track", SETTINGS), path)[0] for _ in range(2))
    np.testing.assert_array_equal(first.value, second.value)
