"""Faces are found where they are, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from affectssm.features.facebox import BOX, POINTS, Square
from affectssm.features.faces import FaceTrack, FaceTracker, around, fits, tiles
from tests.features.helpers import MEDIA, run

real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")
SETTINGS = {"min_confidence": 0.5, "zoom": 1}


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    from skimage.data import astronaut

    return astronaut()


def follow(pictures: list[np.ndarray], zoom: int = 1) -> list[np.ndarray | None]:
    tracker = FaceTracker(0.5, zoom)
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


def test_a_distant_face_needs_a_zoom_and_is_followed(photograph: np.ndarray) -> None:
    """A face of 57 pixels in a picture of full HD, as a camera that shows a whole person has it."""
    small = cv2.resize(photograph, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    pictures = []
    for step in range(24):
        picture = np.full((1080, 1920, 3), 120, np.uint8)
        left, top = 300 + 12 * step, 200 + 6 * step
        picture[top : top + len(small), left : left + small.shape[1]] = small
        pictures.append(picture)
    assert all(row is None for row in follow(pictures))
    rows = follow(pictures, zoom=4)
    assert all(row is not None for row in rows)
    middles = np.array([row[:2] + row[2:4] / 2 for row in rows if row is not None])
    expected = np.array([[300 + 12 * step + 0.6 * 225, 200 + 6 * step + 0.6 * 120] for step in range(24)])
    np.testing.assert_allclose(middles, expected, atol=8)
    points = np.array([row[POINTS].reshape(-1, 2).mean(0) for row in rows if row is not None])
    np.testing.assert_allclose(points, middles, atol=8)


@pytest.mark.parametrize(
    ("width", "height", "zoom"), [(1920, 1080, 4), (640, 360, 2), (300, 400, 1), (101, 999, 3)]
)
def test_the_squares_of_a_search_cover_the_picture(width: int, height: int, zoom: int) -> None:
    seen = np.zeros((height, width), int)
    for tile in tiles(width, height, zoom):
        assert tile.left + tile.side <= width and tile.top + tile.side <= height
        seen[tile.top : tile.top + tile.side, tile.left : tile.left + tile.side] += 1
    assert seen.min() >= 1


def test_a_region_is_kept_until_the_face_nears_its_border() -> None:
    region = around(np.array([500.0, 400, 60, 80]), 1920, 1080)
    assert region == Square(410, 320, 240)
    assert fits(region, np.array([500.0, 400, 60, 80])) and fits(region, np.array([520.0, 420, 60, 80]))
    assert not fits(region, np.array([580.0, 400, 60, 80])) and not fits(
        region, np.array([500.0, 400, 30, 40])
    )
    assert around(np.array([0.0, 0, 60, 80]), 1920, 1080) == Square(0, 0, 240)


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
