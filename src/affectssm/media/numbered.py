"""Names of numbered pictures: ``00001.jpg`` is the first frame of a video."""

from __future__ import annotations

import re

_PICTURE = re.compile(r"[0-9]{5,6}\.jpg")  # nine hours at 30 Hz; the longest known video has 47,000 frames


def picture_name(number: int) -> str:
    """Return how the picture of this number is called."""
    return f"{number:05d}.jpg"


def number_of(name: str) -> int:
    """Return the number of a picture by its name, 0 where it is none."""
    number = int(name[:-4]) if _PICTURE.fullmatch(name) else 0
    return number if name == picture_name(number) else 0
