"""Aff-Wild2's test videos: the list of their names, and the template of what is handed in.

The list has a name a line. The template begins with ``image_location,valence,arousal`` and has a line for each frame
that the owner wants an answer for, in the order it wants them: ``video1/00001.jpg,...``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.media.numbered import number_of, picture_name
from affectssm.media.text import quoted, read_text

HEADER = ("image_location", "valence", "arousal")
MAX_BYTES = 512 << 20  # three million lines take a fifth of it


@dataclass(frozen=True)
class Listed:
    """A list of names, or a template with the frames of each.

    Attributes:
        names: of the videos, in the order of the file.
        video: (N,) int32, the place in `names` of each line; ``number`` (N,) int32, that of its picture, from 1. Both
            are empty where the file is a list of names.
        problems: what was found of lines that were left out.
    """

    names: tuple[str, ...]
    video: np.ndarray
    number: np.ndarray
    problems: list[str]

    def frames_of(self, name: str) -> np.ndarray:
        """Return (n,) int32, the numbers of the pictures listed of a video, in order."""
        return self.number[self.video == self.names.index(name)] if name in self.names else self.number[:0]


def location(name: str, number: int) -> str:
    """Return how a template names the picture of a frame."""
    return f"{name}/{picture_name(number)}"


def read_listed(path: Path) -> Listed:
    """Read a list of test videos or a template; which it is, its first line says.

    Raises:
        DataError: it cannot be opened.
    """
    lines = read_text(path, limit=MAX_BYTES).lines
    while lines and not lines[-1].strip():
        lines.pop()
    first = [field.strip().lower() for field in lines[0].split(",")] if lines else []
    return _template(lines[1:]) if first[:1] == [HEADER[0]] else _names(lines)


def _names(lines: list[str]) -> Listed:
    counted = Counter(line.strip() for line in lines)
    blank = counted.pop("", 0)
    double = sorted(name for name, count in counted.items() if count > 1)
    problems = [f"{blank} blank lines"] if blank else []
    problems += [f"{', '.join(map(quoted, double[:3]))} more than once"] if double else []
    nothing = np.zeros(0, np.int32)
    return Listed(tuple(counted), nothing, nothing, problems)


def _template(lines: list[str]) -> Listed:
    places: dict[str, int] = {}
    video: list[int] = []
    number: list[int] = []
    refused: list[str] = []
    for line in lines:
        name, _, picture = line.partition(",")[0].strip().rpartition("/")
        if not name or not number_of(picture):
            refused.append(line)
            continue
        video.append(places.setdefault(name, len(places)))
        number.append(number_of(picture))
    problems = (
        [f"{len(refused)} lines without a picture, the first is {quoted(refused[0])}"] if refused else []
    )
    found = np.array([video, number], np.int32).reshape(2, -1)
    again = len(lines) - len(refused) - len(np.unique(found, axis=1).T)
    problems += [f"{again} frames more than once"] if again else []
    return Listed(tuple(places), found[0], found[1], problems)
