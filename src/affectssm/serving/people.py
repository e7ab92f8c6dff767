"""Several people in one video: who they are, and a face track of each.

A video is read once; what was seen is kept in a file until it is known who they were, so that memory does not grow with
its length.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from affectssm.features.base import BLOCK_ROWS
from affectssm.features.facebox import DIM
from affectssm.media.probe import MediaNote
from affectssm.media.video import VideoReader
from affectssm.serving.crowd import Crowd
from affectssm.store.shards import Track

BRIEFLY_S, BRIEFLY_SHARE = 1.0, 0.25  # seen for less than either, a face is nobody's
_ROW_BYTES = DIM * 4


@dataclass
class Seen:
    """Somebody who was seen in a video.

    Attributes:
        pictures: (n,) numbers of the pictures, rising.
        places: (n,) where in the kept rows theirs are.
        area: sum of the areas of the boxes, in square pixels.
        first_s, last_s: when they were first and last seen.
        left: where they were first seen, the left border of the box.
    """

    pictures: np.ndarray
    places: np.ndarray
    area: float
    first_s: float
    last_s: float
    left: float


class Watched:
    """A video that was watched from beginning to end.

    Args:
        path: the video.
        settings: of the feature ``face_track``: ``min_confidence``, ``zoom``.

    Attributes:
        rate: pictures a second.
        time: (T,) seconds.
        people: in the order in which they appear, at the same time from left to right; without those who were seen too
            briefly.
        notes: what was odd about the video and its faces.

    Raises:
        DataError: if the video cannot be read.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._file = TemporaryFile(prefix="affectssm-faces-")  # noqa: SIM115 - closed by close()
        self.notes: list[MediaNote] = []
        reader = VideoReader(path)
        self.rate = reader.info().fps
        times, whose, pictures = array("d"), array("i"), array("i")
        boxes = array("f")
        with closing(Crowd(settings["min_confidence"], settings["zoom"])) as crowd:
            for picture in reader:
                for person, row in sorted(crowd.follow(picture.image).items()):
                    self._file.write(row.tobytes())
                    whose.append(person)
                    pictures.append(len(times))
                    boxes.extend(row[:4].tolist())
                times.append(picture.time)
            same = np.array(crowd.same(), int)
        self.time = np.array(times)
        numbers = same[np.array(whose, int)] if len(whose) else np.zeros(0, int)
        self.people = self._people(
            numbers, np.array(pictures, int), np.array(boxes, np.float64).reshape(-1, 4)
        )
        self.notes.extend(reader.notes)

    def close(self) -> None:
        """Remove the kept rows."""
        self._file.close()

    @property
    def largest(self) -> Seen | None:
        """The person whose face covers most, over all pictures; None where there is nobody."""
        return max(self.people, key=lambda one: one.area, default=None)

    def _people(self, whose: np.ndarray, pictures: np.ndarray, boxes: np.ndarray) -> list[Seen]:
        found = []
        for number in np.unique(whose):
            places = np.flatnonzero(whose == number)
            at, own = self.time[pictures[places]], boxes[places]
            area, left = float((own[:, 2] * own[:, 3]).sum()), float(own[0, 0])
            found.append(Seen(pictures[places], places, area, float(at[0]), float(at[-1]), left))
        least = min(BRIEFLY_S, BRIEFLY_SHARE * len(self.time) / self.rate)
        kept = []
        for one in sorted(found, key=lambda one: (one.first_s, one.left)):
            if len(one.pictures) / self.rate >= least:
                kept.append(one)
                continue
            text = f"a face in {len(one.pictures)} pictures from {one.first_s:.2f} to {one.last_s:.2f} s"
            self.notes.append(MediaNote("brief_face", text, f"a face for {least:.2f} s at least", "ignored"))
        return kept

    def track(self, seen: Seen | None) -> Iterator[Track]:
        """Yield the face track of somebody, or of nobody, in blocks of bounded size."""
        for start in range(0, len(self.time), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(self.time))
            value, valid = np.zeros((stop - start, DIM), np.float32), np.zeros(stop - start, bool)
            first, last = np.searchsorted(seen.pictures, [start, stop]) if seen is not None else (0, 0)
            for at in range(first, last):
                assert seen is not None
                self._file.seek(int(seen.places[at]) * _ROW_BYTES)
                value[seen.pictures[at] - start] = np.frombuffer(self._file.read(_ROW_BYTES), np.float32)
                valid[seen.pictures[at] - start] = True
            yield Track(value, self.time[start:stop], valid, self.rate)

    def missing(self, seen: Seen | None) -> Sequence[MediaNote]:
        """Return what is to be said of somebody's track: pictures without the face."""
        count = len(seen.pictures) if seen is not None else 0
        if count == len(self.time):
            return ()
        code = "face_missing_frames" if count else "no_face"
        text = f"a face in {count} of {len(self.time)} pictures"
        return (MediaNote(code, text, "a face in every picture", "masked"),)
