"""From a decoded picture to the one that is shown: upright, not mirrored, with square pixels."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import av.video.reformatter
import numpy as np
from av.sidedata.sidedata import Type

_MATRIX = struct.Struct("=9i")
_ODDEST = 4  # pixels longer or wider than this many to one are a slip of the writer


def square_size(width: int, height: int, shape: Fraction | None) -> tuple[int, int]:
    """Return the size (width, height) of a picture when its pixels are made square; the height stays.

    Args:
        width, height: in pixels, as stored.
        shape: width over height of a pixel; None or a senseless number counts as square.
    """
    if not shape or not Fraction(1, _ODDEST) <= shape <= _ODDEST:
        return width, height
    return max(1, round(width * shape)), height


def turn_of(frame: Any) -> tuple[int, int, int, int]:
    """Return a, b, c, d of a frame's display matrix, each -1, 0 or 1.

    What is stored at (x, y) is shown at (a x + c y, b x + d y), apart from where the picture as a whole is.
    An angle between two quarter turns counts as the nearer one; a matrix without effect or sense as no turn.
    """
    for data in frame.side_data:
        if data.type is Type.DISPLAYMATRIX:
            a, b, _, c, d, *_ = _MATRIX.unpack(bytes(data)[: _MATRIX.size])
            if abs(a) + abs(d) >= abs(b) + abs(c):
                b = c = 0
            else:
                a = d = 0
            if a * d - b * c:
                return tuple(int(np.sign(number)) for number in (a, b, c, d))  # type: ignore[return-value]
    return 1, 0, 0, 1


def upright(image: np.ndarray, turn: tuple[int, int, int, int]) -> np.ndarray:
    """Return (H, W[, C]) as it is shown, given :func:`turn_of`'s numbers; contiguous."""
    a, b, c, d = turn
    if b or c:  # what lay along a line lies along a column; then the axes' directions
        image, a, d = image.swapaxes(0, 1), c, b
    image = image[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1]
    return np.ascontiguousarray(image)


def converter(
    pixels: Literal["rgb24", "gray"], size: tuple[int, int] | None, shape: Fraction | None
) -> Callable[[Any], np.ndarray]:
    """Return a function from a decoded frame to its picture as it is shown.

    Args:
        pixels: of the result: (H, W, 3) uint8 RGB, or (H, W) uint8.
        size: (width, height) of the result; None keeps the stored height.
        shape: width over height of a stored pixel.
    """
    # one for all pictures: a frame's own sets up the conversion anew, which takes longer than to decode it
    reformatter = av.video.reformatter.VideoReformatter()
    turns: dict[int, tuple[int, int, int, int]] = {}

    def convert(frame: Any) -> np.ndarray:
        # PyAV keeps a frame whose matrix was looked at until garbage is collected: hundreds of pictures at a time
        if frame.rotation not in turns:
            turns.clear()
            turns[frame.rotation] = turn_of(frame)
        turn = turns[frame.rotation]
        width, height = size or square_size(frame.width, frame.height, shape)
        if size and turn[1]:
            width, height = height, width
        return upright(reformatter.reformat(frame, width, height, pixels).to_ndarray(), turn)

    return convert
