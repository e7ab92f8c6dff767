"""The face track as other extractors read it, and the squares they cut out with it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from affectssm.errors import DataError
from affectssm.store.shards import ShardReader

LANDMARKS = 468
BOX = slice(0, 4)
POINTS = slice(4, 4 + 2 * LANDMARKS)
DIM = 4 + 2 * LANDMARKS
"""Columns of a face track: box x, y (top left corner), width, height; then x, y of each landmark. In pixels."""

_BLOCK = 256
_SAME_TIME_S = 2e-3


@dataclass(frozen=True)
class Square:
    """A square of whole pixels: left, top, side. It may reach beyond the picture."""

    left: int
    top: int
    side: int

    def of(self, image: np.ndarray) -> np.ndarray:
        """Return the view (side, side[, 3]) of a picture that the square lies in."""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


@dataclass(frozen=True)
class Face:
    """A face: box (4,) and points (468, 2), in pixels."""

    box: np.ndarray
    points: np.ndarray

    @property
    def size(self) -> float:
        """The longer side of the box in pixels."""
        return float(max(self.box[2], self.box[3]))

    def square(self, margin: float) -> Square:
        """Return the square around the box's centre whose side is the face's size and ``margin`` on each side."""
        x, y, width, height = (float(number) for number in self.box)
        side = max(2, round(self.size * (1 + 2 * margin)))
        return Square(round(x + width / 2 - side / 2), round(y + height / 2 - side / 2), side)


class FaceRows:
    """Reads one participant's face track in step with the pictures, a block at a time."""

    def __init__(self, reader: ShardReader, recording: str, participant: str) -> None:
        self._reader, self._key = reader, (recording, participant)
        self.rows = reader.info(*self._key).rows
        self._start = self._stop = 0

    def at(self, index: int, time: float) -> Face | None:
        """Return the face in picture ``index``, which is shown at ``time``, or None where there is none.

        Raises:
            DataError: if the track was not made of this video.
        """
        if not self._start <= index < self._stop:
            self._block = self._reader.track(*self._key, index, index + _BLOCK)
            self._start, self._stop = index, index + len(self._block.time)
        row = index - self._start
        if index >= self._stop or abs(self._block.time[row] - time) > _SAME_TIME_S:
            raise DataError(
                self._reader.path,
                f"no row for picture {index} of {'/'.join(self._key)} at {time:.3f} s",
                "a face track of this very video",
                "delete the face track of this shard and run again",
            )
        if not self._block.valid[row]:
            return None
        value = self._block.value[row]
        return Face(value[BOX], value[POINTS].reshape(LANDMARKS, 2))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the common area of two boxes (4,) over the area of both together."""
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / max(float(np.prod(one[2:]) + np.prod(other[2:])) - common, 1e-9)


def cut(image: np.ndarray, square: Square, size: int) -> np.ndarray:
    """Cut ``square`` out of (H, W[, 3]) and scale it to ``size`` pixels; beyond the edge the edge is repeated."""
    height, width = image.shape[:2]
    left, top, right, bottom = square.left, square.top, square.left + square.side, square.top + square.side
    outside = max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0)
    inside = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    if not inside.size:  # the square lies beside the picture
        rows = np.clip(np.arange(top, bottom), 0, height - 1)
        inside = image[rows[:, None], np.clip(np.arange(left, right), 0, width - 1)]
    elif any(outside):
        inside = cv2.copyMakeBorder(inside, *outside, borderType=cv2.BORDER_REPLICATE)
    how = cv2.INTER_AREA if square.side > size else cv2.INTER_LINEAR
    return cv2.resize(inside, (size, size), interpolation=how)
