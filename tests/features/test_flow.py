"""Flow is the motion of the head in face sizes a second, whatever the resolution and the rate."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.features.facebox import Face, FaceRows, Square, cut
from affectssm.features.landmark_flow import LandmarkFlow
from affectssm.features.optical_flow import OpticalFlow
from tests.features.helpers import FLOW_SETTINGS, face_rows, run
from tests.media.odd_videos import write_video

SIDE = 200
FACE = np.array([60.0, 60.0, 80.0, 80.0], np.float32)


def texture(side: int = SIDE) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (side, side)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 20, 235, cv2.NORM_MINMAX)


def moving_video(path: Path, shifts: np.ndarray, fps: int = 25, scale: float = 1.0) -> Path:
    """Write a texture shifted by (T, 2) pixels."""
    picture = texture()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=fps, options={"preset": "ultrafast", "crf": "5", "threads": "1"}
        )
        stream.width = stream.height = round(SIDE * scale)
        stream.pix_fmt = "yuv420p"
        for right, down in shifts:
            place = np.array([[1, 0, right], [0, 1, down]], np.float32)
            moved = cv2.warpAffine(
                picture, place, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            moved = cv2.resize(moved, (stream.width, stream.height), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(
                np.repeat(moved[..., None], 3, 2).astype(np.uint8), format="rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def faces_for(folder: Path, shifts: np.ndarray, fps: int = 25, scale: float = 1.0, **more) -> FaceRows:
    boxes = np.tile(FACE, (len(shifts), 1))
    boxes[:, :2] += shifts
    return face_rows(folder, boxes * np.float32(scale), (np.arange(len(shifts)) + 0.5) / fps, **more)


STEPS = np.cumsum([[0, 0], [2, 0], [2, 0], [0, 1], [-1, -2], [0, 0]], axis=0).astype(np.float32)


@pytest.mark.parametrize("method", ["dis_medium", "farneback", "dis_fast"])
def test_the_motion_of_the_head_is_recovered(tmp_path: Path, method: str) -> None:
    path = moving_video(tmp_path / "a.mp4", STEPS)
    track, _ = run(
        OpticalFlow("optical_flow", {**FLOW_SETTINGS, "method": method}), path, faces_for(tmp_path, STEPS)
    )
    assert track.value.shape == (5, 48)
    np.testing.assert_allclose(track.time, np.arange(1, 6) / 25, atol=1e-4)
    expected = np.diff(STEPS, axis=0) / 80 * 25  # face sizes a second
    found = np.stack([track.value[:, :16].mean(1), track.value[:, 16:32].mean(1)], axis=1)
    np.testing.assert_allclose(found, expected, atol=0.06)
    magnitude = track.value[:, 32:].mean(1)
    np.testing.assert_allclose(magnitude, np.hypot(*expected.T), atol=0.08)


@pytest.mark.parametrize(("fps", "scale"), [(50, 1.0), (25, 1.6), (10, 0.8)])
def test_units_do_not_depend_on_rate_or_resolution(tmp_path: Path, fps: int, scale: float) -> None:
    pace = np.arange(6, dtype=np.float32)[:, None] * np.array([[40, 20]], np.float32) / fps  # pixels a second
    path = moving_video(tmp_path / "a.mp4", pace, fps, scale)
    track, _ = run(OpticalFlow("optical_flow", FLOW_SETTINGS), path, faces_for(tmp_path, pace, fps, scale))
    np.testing.assert_allclose(track.value[:, :16].mean(), 40 / 80, atol=0.04)
    np.testing.assert_allclose(track.value[:, 16:32].mean(), 20 / 80, atol=0.04)


def test_a_pair_without_both_faces_is_invalid(tmp_path: Path) -> None:
    valid = np.array([True, True, False, True, True, True])
    path = moving_video(tmp_path / "a.mp4", STEPS)
    track, _ = run(OpticalFlow("optical_flow", FLOW_SETTINGS), path, faces_for(tmp_path, STEPS, valid=valid))
    np.testing.assert_array_equal(track.valid, [True, False, False, True, True])
    assert not track.value[~track.valid].any()


@pytest.mark.parametrize(("apart", "valid"), [(0.2, True), (0.24, False), (3.0, False)])
def test_a_pair_on_both_sides_of_a_hole_is_no_motion(tmp_path: Path, apart: float, valid: bool) -> None:
    starts = np.arange(12) / 25 + (np.arange(12) >= 6) * (apart - 0.04)
    path = write_video(tmp_path / "a.mp4", 12, times=starts, size=(SIDE, SIDE))
    faces = face_rows(tmp_path, np.tile(FACE, (12, 1)), starts + 0.02)
    track, _ = run(OpticalFlow("optical_flow", FLOW_SETTINGS), path, faces)
    assert track.valid.tolist() == [True] * 5 + [valid] + [True] * 5


def test_landmarks_take_the_flow_where_they_are(tmp_path: Path) -> None:
    square = Square(50, 50, 100)
    flow = np.zeros((50, 50, 2), np.float32)
    flow[..., 0] = (np.arange(50) + 0.5) * 2 + 50  # dx = the column in the picture
    points = np.stack([np.linspace(55, 140, 468), np.linspace(60, 70, 468)], axis=1).astype(np.float32)
    value = LandmarkFlow("landmark_flow", FLOW_SETTINGS).summarise(flow, Face(FACE, points), square)
    np.testing.assert_allclose(value, points[:, 0], atol=0.2)


def test_landmark_flow_has_a_column_a_landmark(tmp_path: Path) -> None:
    path = moving_video(tmp_path / "a.mp4", STEPS)
    track, _ = run(LandmarkFlow("landmark_flow", FLOW_SETTINGS), path, faces_for(tmp_path, STEPS))
    assert track.value.shape == (5, 468)
    np.testing.assert_allclose(np.median(track.value[0]), 2 / 80 * 25, atol=0.05)


@pytest.mark.parametrize(
    "square", [Square(-30, -20, 60), Square(180, 170, 50), Square(-10, -10, 230), Square(300, 10, 9)]
)
def test_beyond_the_edge_the_edge_is_repeated(square: Square) -> None:
    image = texture().astype(np.uint8)
    around = np.pad(image, 400, mode="edge")
    top, left = square.top + 400, square.left + 400
    expected = around[top : top + square.side, left : left + square.side]
    np.testing.assert_array_equal(cut(image, square, square.side), expected)


def test_a_face_track_of_another_video_is_refused(tmp_path: Path) -> None:
    path = moving_video(tmp_path / "a.mp4", STEPS)
    with pytest.raises(DataError, match="face track of this very video"):
        run(OpticalFlow("optical_flow", FLOW_SETTINGS), path, faces_for(tmp_path, STEPS, fps=30))
    with pytest.raises(DataError, match="no row for picture 4"):
        run(OpticalFlow("optical_flow", FLOW_SETTINGS), path, faces_for(tmp_path, STEPS[:4]))
