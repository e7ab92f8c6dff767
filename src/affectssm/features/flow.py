"""Dense optical flow between successive face crops, shared by ``optical_flow`` and ``landmark_flow``.

Both pictures of a pair are cut with the square of the *first* face, so that the motion of the head stays in
the flow (a crop that followed the face would take it out). Flow is given in **face sizes a second**: pixels
of the picture over the longer side of the first picture's face box, over the seconds between the two
pictures. It depends neither on the resolution nor on the rate of the video. A row's time is the middle
between its two pictures; it is invalid where these are too far apart to be neighbours.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from affectssm.features.base import Extractor, Rows, Source
from affectssm.features.facebox import Face, Square, cut
from affectssm.media.spacing import SLACK, SLOWEST
from affectssm.media.video import Picture, VideoReader
from affectssm.store.shards import Track

Method = Callable[[np.ndarray, np.ndarray], np.ndarray]

# DIS searches in as many stripes as there are threads, and the stripes change the result
cv2.setNumThreads(1)


def method(name: str) -> Method:
    """Return a function from two (S, S) uint8 pictures to the flow (S, S, 2) float32 in pixels (x, y).

    ``dis_fast`` and ``dis_medium`` are Kroeger et al. 2016 (ECCV), ``farneback`` Farnebäck 2003 (SCIA), as
    OpenCV has them.
    """
    if name == "farneback":
        return lambda first, second: cv2.calcOpticalFlowFarneback(
            first, second, None, 0.5, 3, 15, 3, 5, 1.2, 0
        )  # type: ignore[call-overload]
    presets = {"dis_fast": cv2.DISOPTICAL_FLOW_PRESET_FAST, "dis_medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM}
    search = cv2.DISOpticalFlow.create(presets[name])
    return lambda first, second: search.calc(first, second, None)  # type: ignore[call-overload]


class FaceFlow(Extractor):
    """Flow from picture to picture on the face crop; what becomes of it is the subclass's business."""

    @property
    def least(self) -> str:
        return "at least two pictures that can be decoded"

    def extract(self, source: Source) -> Iterator[Track]:
        assert source.faces is not None
        reader = VideoReader(source.path, pixels="gray")
        rate = reader.info().fps
        rows = Rows(self.dim or 0, rate)
        flow, size, margin = method(self.settings["method"]), self.settings["size"], self.settings["margin"]
        before: Picture | None = None
        face_before: Face | None = None
        for picture in reader:
            face = source.faces.at(picture.index, picture.time)
            if before is not None:
                value = None
                apart = picture.time - before.time > (SLOWEST + SLACK) / rate  # nobody saw how it moved
                if face_before is not None and face is not None and not apart:
                    square = face_before.square(margin)
                    moved = flow(cut(before.image, square, size), cut(picture.image, square, size))
                    moved *= square.side / size / face_before.size / (picture.time - before.time)
                    value = self.summarise(moved, face_before, square)
                yield from rows.add((before.time + picture.time) / 2, value)
            before, face_before = picture, face
        yield from rows.rest()
        source.notes.extend(reader.notes)

    @abstractmethod
    def summarise(self, flow: np.ndarray, face: Face, square: Square) -> np.ndarray:
        """Return a row (D,) for a flow field (S, S, 2) in face sizes a second, cut by ``square`` around ``face``."""
