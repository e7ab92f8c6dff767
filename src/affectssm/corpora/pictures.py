"""A folder of numbered pictures, as owners cut them out of videos: ``00001.jpg`` is the first frame.

Frames without a face have no picture, so the numbers have gaps. A folder is read once, and of its names no more is kept
than the numbers; no picture is opened.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.media.numbered import number_of
from affectssm.store.files import kind_of


@dataclass(frozen=True)
class Pictures:
    """What lies in a folder of pictures.

    Attributes:
        numbers: (N,) int32, rising from 1 at the earliest; frame i (from 0) is number i + 1.
        size: bytes of all pictures.
        checksums: "sha256" over their names and sizes, "mtime" over their times too.
        others: names of what is no picture by its name.
        unusable: (name, reason) of what has a picture's name and cannot be read as a file.
    """

    numbers: np.ndarray
    size: int
    checksums: dict[str, str]
    others: list[str]
    unusable: list[tuple[str, str]]

    def gaps(self, frames: int) -> tuple[int, int, int]:
        """Return how many of the first `frames` frames have no picture, in how many runs, and the longest run."""
        inside = self.numbers[self.numbers <= frames]
        steps = np.diff(np.concatenate([[0], inside, [frames + 1]])) - 1
        runs = steps[steps > 0]
        return int(runs.sum()), len(runs), int(runs.max(initial=0))


def read_pictures(folder: Path) -> Pictures:
    """List a folder of pictures.

    Raises:
        OSError: it is absent, no folder, or may not be read.
    """
    found: dict[int, tuple[str, int, int]] = {}  # number -> name, size, time
    others: list[str] = []
    unusable: list[tuple[str, str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            number = number_of(entry.name)
            if not number:
                others.append(entry.name)
                continue
            try:
                stat = entry.stat()
            except OSError as error:  # a dangling link
                unusable.append((entry.name, error.strerror or str(error)))
                continue
            kind = kind_of(stat.st_mode)
            if kind:
                unusable.append((entry.name, f"{kind}, no regular file"))
            else:
                found[number] = (entry.name, stat.st_size, stat.st_mtime_ns)
    numbers = np.fromiter(found, np.int32, len(found))
    numbers.sort()
    ordered = [found[number] for number in numbers.tolist()]
    content = hashlib.sha256()
    times = hashlib.sha256()
    for name, size, mtime in ordered:
        content.update(f"{name}\0{size}\n".encode())
        times.update(f"{name}\0{size}\0{mtime}\n".encode())
    checksums = {"sha256": f"sha256:{content.hexdigest()}", "mtime": f"mtime:{times.hexdigest()}"}
    return Pictures(numbers, sum(size for _, size, _ in ordered), checksums, sorted(others), sorted(unusable))
