"""Folders of numbered pictures of one face: ``00001.jpg`` is frame 0.

The numbers have gaps where no face was found. One picture is held at a time, whatever the folder's size.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from affectssm.media.numbered import number_of, picture_name
from affectssm.media.probe import MediaError, MediaNote
from affectssm.store.files import read_whole

SIDE = 112
_LARGEST = 1 << 20  # bytes; a picture of this size has a few thousand
_NAMED = 5  # pictures named one by one; of more, their number is given
_BROKEN = (OSError, ValueError, SyntaxError, struct.error, IndexError, Image.DecompressionBombError)


class CropReader:
    """Iterates over the frames of a folder of crops: (frame from 0, picture (S, S, 3) uint8 RGB or None).

    A frame without a picture gives None, and so does one whose picture cannot be used: no JPEG, cut off, empty, of
    another size, or no regular file. After the iteration ``notes`` names those.

    Args:
        folder: of the pictures; other names in it are passed over.
        frames: how many frames there are; None: up to the last picture.
        every: give each ``every``-th frame alone, from frame 0.
        side: S, pixels a side.

    Raises:
        MediaError: while iterating, if the folder cannot be read.
    """

    def __init__(
        self, folder: Path | str, frames: int | None = None, *, every: int = 1, side: int = SIDE
    ) -> None:
        self.folder, self.frames, self.every, self.side = Path(folder), frames, every, side
        self.notes: list[MediaNote] = []

    def numbers(self) -> np.ndarray:
        """Return the frames (N,) int64 that have a picture, usable or not, in ascending order.

        Raises:
            MediaError: if the folder cannot be read.
        """
        try:
            with os.scandir(self.folder) as found:
                frames = [number - 1 for entry in found if (number := number_of(entry.name))]
        except OSError as error:
            raise MediaError(
                self.folder,
                f"not readable as a folder: {error.strerror or error}",
                "a folder of numbered pictures",
                "copy the folder again from its source, or remove it to go on without it",
            ) from error
        return np.sort(np.array(frames, np.int64))

    def __iter__(self) -> Iterator[tuple[int, np.ndarray | None]]:
        self.notes = []
        present = self.numbers()
        last = int(present[-1]) + 1 if len(present) else 0
        frames = np.arange(0, last if self.frames is None else self.frames, self.every)
        read = bad = 0
        named: list[str] = []
        for frame, is_there in zip(frames, np.isin(frames, present), strict=True):
            image = None
            if is_there:
                read += 1
                try:
                    image = self.picture(int(frame))
                except MediaError as error:
                    bad += 1
                    if bad <= _NAMED:
                        named.append(f"{picture_name(int(frame) + 1)} ({error.found})")
            yield int(frame), image
        if bad:
            more = f" and {bad - _NAMED} more" if bad > _NAMED else ""
            found = f"{bad} of {read} pictures: {', '.join(named)}{more}"
            expected = f"whole JPEG pictures of {self.side} x {self.side}"
            self.notes.append(MediaNote("crop_unusable", found, expected, "masked"))

    def picture(self, frame: int) -> np.ndarray:
        """Return the picture (S, S, 3) uint8 RGB of a frame.

        Raises:
            MediaError: if it is absent or cannot be used.
        """
        path = self.folder / picture_name(frame + 1)
        try:
            return _decoded(read_whole(path, _LARGEST), self.side)
        except _BROKEN as error:
            found = getattr(error, "strerror", None) or str(error)
            raise MediaError(
                path, found, f"a JPEG picture of {self.side} x {self.side}", "copy it again"
            ) from error


def _decoded(data: bytes, side: int) -> np.ndarray:
    """Return the pixels of a JPEG file; raises one of _BROKEN for anything else."""
    if not data:
        raise ValueError("empty")
    try:
        picture = Image.open(io.BytesIO(data), formats=("JPEG",))
    except UnidentifiedImageError:
        raise ValueError("no JPEG picture") from None
    with picture:
        if picture.size != (side, side):
            raise ValueError("{} x {}".format(*picture.size))
        return np.asarray(picture.convert("RGB"))
