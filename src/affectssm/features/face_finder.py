"""MediaPipe's detector and mesh on single pictures, and the squares in which they look.

MediaPipe 0.10.21 carries its models with it: no network is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from affectssm.features.facebox import BOX, DIM, LANDMARKS, POINTS, Square, overlap

os.environ.setdefault("GLOG_minloglevel", "2")  # its C++ side reports every model it loads
from mediapipe.python.solutions import face_detection, face_mesh

_SHORT_RANGE = 0
_DUPLICATE = 0.3  # overlap of two boxes of one face, seen in two squares


def make_mesh(confidence: float, *, still: bool = False) -> Any:
    """Return a mesh of one face that follows it from picture to picture, or (``still``) takes each for itself."""
    return face_mesh.FaceMesh(
        static_image_mode=still,
        max_num_faces=1,
        min_detection_confidence=confidence,
        min_tracking_confidence=confidence,
    )


class FaceFinder:
    """Looks for faces in single pictures.

    Args:
        confidence: of the detector and of the mesh.
    """

    def __init__(self, confidence: float) -> None:
        self._confidence = confidence
        self._detector = face_detection.FaceDetection(confidence, _SHORT_RANGE)
        self._mesh: Any = None

    def close(self) -> None:
        """Free the models."""
        self._detector.close()
        if self._mesh is not None:
            self._mesh.close()

    def detect(self, image: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Yield score and box (4,) in pixels of each detection in an RGB picture."""
        height, width = image.shape[:2]
        for detection in self._detector.process(image).detections or ():
            seen = detection.location_data.relative_bounding_box
            yield (
                detection.score[0],
                np.array([seen.xmin * width, seen.ymin * height, seen.width * width, seen.height * height]),
            )

    def boxes(self, image: np.ndarray, square: Square | None = None) -> list[np.ndarray]:
        """Return the boxes (4,) of the detections in ``square`` of a picture, the surest first."""
        inside = image if square is None else np.ascontiguousarray(square.of(image))
        corner = np.array([square.left, square.top, 0, 0]) if square is not None else 0
        return [box + corner for _, box in sorted(self.detect(inside), key=lambda found: -found[0])]

    def search(self, image: np.ndarray, zoom: int) -> list[np.ndarray]:
        """Return the boxes (4,) of the faces in the squares of a picture, each once, the surest first."""
        found: list[tuple[float, np.ndarray]] = []
        for tile in tiles(image.shape[1], image.shape[0], zoom):
            inside = np.ascontiguousarray(tile.of(image))
            found += [
                (score, box + np.array([tile.left, tile.top, 0, 0])) for score, box in self.detect(inside)
            ]
        kept: list[np.ndarray] = []
        for _, box in sorted(found, key=lambda pair: -pair[0]):
            if all(overlap(box, other) < _DUPLICATE for other in kept):
                kept.append(box)
        return kept

    def mesh_of(self, image: np.ndarray, box: np.ndarray) -> np.ndarray | None:
        """Return the row (940,) of the face of a detected box (4,), or None where the mesh finds no face there."""
        if self._mesh is None:
            self._mesh = make_mesh(self._confidence, still=True)
        square = around(box, image.shape[1], image.shape[0], 2)
        row = row_in(self._mesh, image, square)
        return row if row is not None and holds(row[BOX], box) else None


def row_in(mesh: Any, image: np.ndarray, square: Square | None = None) -> np.ndarray | None:
    """Return the track's row (940,) of the face that a mesh finds in ``square`` of a picture, or None."""
    inside = image if square is None else np.ascontiguousarray(square.of(image))
    found = mesh.process(inside).multi_face_landmarks
    if not found:
        return None
    relative = np.array([(point.x, point.y) for point in found[0].landmark], np.float32)
    points = relative * np.array([inside.shape[1], inside.shape[0]], np.float32)
    low, high = points.min(0), points.max(0)
    row = np.empty(DIM, np.float32)
    row[BOX] = [*low, *(high - low)]
    row[POINTS] = points.ravel()
    if square is not None:
        corner = np.array([square.left, square.top], np.float32)
        row[:2] += corner
        row[POINTS] += np.tile(corner, LANDMARKS)
    return row


def tiles(width: int, height: int, zoom: int) -> Iterator[Square]:
    """Yield squares of 1 / zoom of a picture's height that cover it, each half over the next."""
    side = min(height // zoom, width)
    for top in np.linspace(0, height - side, max(1, -(-2 * height // side) - 1)):
        for left in np.linspace(0, width - side, max(1, -(-2 * width // side) - 1)):
            yield Square(int(left), int(top), side)


def around(box: np.ndarray, width: int, height: int, sizes: int = 3) -> Square:
    """Return a square of ``sizes`` times a face's size around it, within the picture."""
    x, y, w, h = (float(number) for number in box)
    side = min(round(sizes * max(w, h)), width, height)
    left = min(max(round(x + (w - side) / 2), 0), width - side)
    return Square(left, min(max(round(y + (h - side) / 2), 0), height - side), side)


def fits(region: Square, box: np.ndarray) -> bool:
    """Whether a face of ``box`` is neither near the border of ``region`` nor too large or small for it."""
    x, y, width, height = (float(number) for number in box)
    margin = region.side / 10
    inside = (
        region.left + margin < x
        and x + width < region.left + region.side - margin
        and region.top + margin < y
        and y + height < region.top + region.side - margin
    )
    return inside and region.side / 5 < max(width, height)


def holds(box: np.ndarray, other: np.ndarray) -> bool:
    """Whether the middle of the ``other`` box lies in ``box``."""
    x, y, width, height = box
    column, line = other[:2] + other[2:] / 2
    return bool(x <= column <= x + width and y <= line <= y + height)
