"""``face_track``: where the face is in each picture, and its mesh.

A face is a MediaPipe short-range detection *and* a mesh: the detector alone fires on pictures without a face.
The mesh follows a face from picture to picture; a detection starts each run of it and has to confirm it every
few pictures, so that a mesh that has slid off is given up. MediaPipe 0.10.21 carries its models with it: no
network is needed.

Columns (940), in pixels of the picture: box x, y, width, height (bounding the mesh), then x, y of the 468
landmarks in MediaPipe's order. Rows are the pictures of the video, at its own rate and times.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from affectssm.features.base import Extractor, Rows, Source
from affectssm.features.facebox import BOX, DIM, LANDMARKS, POINTS, Square
from affectssm.media.video import VideoReader
from affectssm.store.shards import Track

os.environ.setdefault("GLOG_minloglevel", "2")  # its C++ side reports every model it loads
from mediapipe.python.solutions import face_detection, face_mesh

CONFIRM_EVERY = 5
SEARCH_EVERY = 10
_SHORT_RANGE = 0


class FaceTrack(Extractor):
    """Settings: ``min_confidence`` of detection and mesh; ``zoom`` of the search."""

    @property
    def dim(self) -> int:
        return DIM

    @property
    def least(self) -> str:
        return "at least one picture that can be decoded"

    def extract(self, source: Source) -> Iterator[Track]:
        reader = VideoReader(source.path)
        rows = Rows(DIM, reader.info().fps)
        tracker = FaceTracker(self.settings["min_confidence"], self.settings["zoom"])
        try:
            for picture in reader:
                yield from rows.add(picture.time, tracker.follow(picture.image))
        finally:
            tracker.close()
        yield from rows.rest()
        source.notes.extend(reader.notes)
        if rows.rows and rows.valid_rows < rows.rows:
            code = "face_missing_frames" if rows.valid_rows else "no_face"
            found = f"a face in {rows.valid_rows} of {rows.rows} pictures"
            source.note(code, found, "a face in every picture", "masked")


class FaceTracker:
    """Follows the most prominent face of successive pictures.

    The detector misses faces under about a fifth of the picture. With a ``zoom`` above 1 a face is looked for in
    overlapping squares of 1 / zoom of the picture's height, and followed in a square of three times its size.

    Args:
        confidence: of the detector and of the mesh.
        zoom: 1 for the whole picture.
    """

    def __init__(self, confidence: float, zoom: int = 1) -> None:
        self._mesh = face_mesh.FaceMesh(
            max_num_faces=1, min_detection_confidence=confidence, min_tracking_confidence=confidence
        )
        self._detector = face_detection.FaceDetection(confidence, _SHORT_RANGE)
        self._zoom = zoom
        self._region: Square | None = None
        self._since_confirmed = CONFIRM_EVERY
        self._since_searched = SEARCH_EVERY

    def close(self) -> None:
        """Free the models."""
        self._mesh.close()
        self._detector.close()

    def follow(self, image: np.ndarray) -> np.ndarray | None:
        """Return the (940,) float32 row of an (H, W, 3) RGB picture, or None where there is no face."""
        if self._zoom == 1:
            return self._follow_in(image)
        row = self._follow_in_region(image)
        self._since_searched += 1
        if row is None and self._since_searched >= SEARCH_EVERY:
            self._since_searched = 0
            found = self._search(image)
            if found is not None:
                self._look_at(image, found)
                row = self._follow_in_region(image)
        if row is not None and self._region is not None and not fits(self._region, row[BOX]):
            self._look_at(image, row[BOX])
        return row

    def _follow_in_region(self, image: np.ndarray) -> np.ndarray | None:
        region = self._region
        if region is None:
            return None
        inside = image[region.top : region.top + region.side, region.left : region.left + region.side]
        row = self._follow_in(np.ascontiguousarray(inside))
        if row is not None:
            corner = np.array([region.left, region.top], np.float32)
            row[:2] += corner
            row[POINTS] += np.tile(corner, LANDMARKS)
        return row

    def _follow_in(self, image: np.ndarray) -> np.ndarray | None:
        found = self._mesh.process(image).multi_face_landmarks
        if not found:
            self._since_confirmed = CONFIRM_EVERY
            return None
        row = _row(found[0], image.shape[1], image.shape[0])
        self._since_confirmed += 1
        if self._since_confirmed >= CONFIRM_EVERY:
            x, y, width, height = row[BOX]
            middles = (box[:2] + box[2:] / 2 for _, box in self._detections(image))
            if not any(x <= column <= x + width and y <= line <= y + height for column, line in middles):
                return None  # asked again at the next picture
            self._since_confirmed = 0
        return row

    def _search(self, image: np.ndarray) -> np.ndarray | None:
        """Return the box (4,) of the surest detection over the squares of a picture."""
        best, surest = None, 0.0
        for tile in tiles(image.shape[1], image.shape[0], self._zoom):
            inside = image[tile.top : tile.top + tile.side, tile.left : tile.left + tile.side]
            for score, box in self._detections(np.ascontiguousarray(inside)):
                if score > surest:
                    best, surest = box + np.array([tile.left, tile.top, 0, 0]), score
        return best

    def _look_at(self, image: np.ndarray, box: np.ndarray) -> None:
        """Follow the face of ``box`` from now on; the mesh knows nothing of where it looked before."""
        region = around(box, image.shape[1], image.shape[0])
        if region != self._region:  # at the picture's edge it stays what it was
            self._region = region
            self._since_confirmed = CONFIRM_EVERY
            self._mesh.reset()

    def _detections(self, image: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
        """Yield score and box (4,) in pixels of each detection."""
        height, width = image.shape[:2]
        for detection in self._detector.process(image).detections or ():
            seen = detection.location_data.relative_bounding_box
            yield (
                detection.score[0],
                np.array([seen.xmin * width, seen.ymin * height, seen.width * width, seen.height * height]),
            )


def tiles(width: int, height: int, zoom: int) -> Iterator[Square]:
    """Yield squares of 1 / zoom of a picture's height that cover it, each half over the next."""
    side = min(height // zoom, width)
    for top in np.linspace(0, height - side, max(1, -(-2 * height // side) - 1)):
        for left in np.linspace(0, width - side, max(1, -(-2 * width // side) - 1)):
            yield Square(int(left), int(top), side)


def around(box: np.ndarray, width: int, height: int) -> Square:
    """Return a square of three times a face's size around it, within the picture."""
    x, y, w, h = (float(number) for number in box)
    side = min(round(3 * max(w, h)), width, height)
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


def _row(mesh: Any, width: int, height: int) -> np.ndarray:
    """Return the track's row for a mesh in relative coordinates."""
    relative = np.array([(point.x, point.y) for point in mesh.landmark], np.float32)
    points = relative * np.array([width, height], np.float32)
    low, high = points.min(0), points.max(0)
    row = np.empty(DIM, np.float32)
    row[BOX] = [*low, *(high - low)]
    row[POINTS] = points.ravel()
    return row
