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
from affectssm.features.facebox import BOX, DIM, LANDMARKS, POINTS
from affectssm.media.video import VideoReader
from affectssm.store.shards import Track

os.environ.setdefault("GLOG_minloglevel", "2")  # its C++ side reports every model it loads
from mediapipe.python.solutions import face_detection, face_mesh

CONFIRM_EVERY = 5
_SHORT_RANGE = 0


class FaceTrack(Extractor):
    """Settings: ``min_confidence`` of detection and mesh."""

    @property
    def dim(self) -> int:
        return DIM

    def extract(self, source: Source) -> Iterator[Track]:
        reader = VideoReader(source.path)
        rows = Rows(DIM, reader.info().fps)
        tracker = FaceTracker(self.settings["min_confidence"])
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

    Args:
        confidence: of the detector and of the mesh (MediaPipe's ``min_detection_`` and
            ``min_tracking_confidence``).
    """

    def __init__(self, confidence: float) -> None:
        self._mesh = face_mesh.FaceMesh(
            max_num_faces=1, min_detection_confidence=confidence, min_tracking_confidence=confidence
        )
        self._detector = face_detection.FaceDetection(confidence, _SHORT_RANGE)
        self._since_confirmed = CONFIRM_EVERY

    def close(self) -> None:
        """Free the models."""
        self._mesh.close()
        self._detector.close()

    def follow(self, image: np.ndarray) -> np.ndarray | None:
        """Return the (940,) float32 row of an (H, W, 3) RGB picture, or None where there is no face."""
        found = self._mesh.process(image).multi_face_landmarks
        if not found:
            self._since_confirmed = CONFIRM_EVERY
            return None
        row = _row(found[0], image.shape[1], image.shape[0])
        self._since_confirmed += 1
        if self._since_confirmed >= CONFIRM_EVERY:
            if not self._confirmed(image, row[BOX]):
                return None  # asked again at the next picture
            self._since_confirmed = 0
        return row

    def _confirmed(self, image: np.ndarray, box: np.ndarray) -> bool:
        """Whether the detector sees a face whose middle lies within the mesh's box."""
        height, width = image.shape[:2]
        x, y, w, h = box
        for detection in self._detector.process(image).detections or ():
            seen = detection.location_data.relative_bounding_box
            middle_x, middle_y = (seen.xmin + seen.width / 2) * width, (seen.ymin + seen.height / 2) * height
            if x <= middle_x <= x + w and y <= middle_y <= y + h:
                return True
        return False


def _row(mesh: Any, width: int, height: int) -> np.ndarray:
    """Return the track's row for a mesh in relative coordinates."""
    numbers = (number for point in mesh.landmark for number in (point.x, point.y))
    relative = np.fromiter(numbers, np.float32, 2 * LANDMARKS).reshape(LANDMARKS, 2)
    points = relative * np.array([width, height], np.float32)
    low, high = points.min(0), points.max(0)
    row = np.empty(DIM, np.float32)
    row[BOX] = [*low, *(high - low)]
    row[POINTS] = points.ravel()
    return row
