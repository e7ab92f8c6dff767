"""``face_track``: where the face is in each picture, and its mesh.

A face is a MediaPipe short-range detection *and* a mesh: the detector alone fires on pictures without a face.
The mesh follows a face from picture to picture; a detection starts each run of it and has to confirm it every
few pictures, so that a mesh that has slid off is given up.

A track is one person's; :mod:`affectssm.features.face_people` tells whose a face is. Where another's face alone is
found the rows are invalid, and the track goes back to its person as soon as that face is in view again.

Columns (940), in pixels of the picture: box x, y, width, height (bounding the mesh), then x, y of the 468
landmarks in MediaPipe's order. Rows are the pictures of the video, at its own rate and times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from affectssm.features.base import Extractor, Rows, Source
from affectssm.features.face_finder import FaceFinder, around, fits, holds, make_mesh, row_in, tiles
from affectssm.features.face_people import People, changed, look_of
from affectssm.features.face_report import FaceReport
from affectssm.features.facebox import BOX, DIM, Square, overlap
from affectssm.media.video import VideoReader
from affectssm.store.shards import Track

__all__ = ["FaceTrack", "FaceTracker", "around", "fits", "tiles"]

CONFIRM_EVERY = 5
SEARCH_EVERY = 10
LOOK_EVERY = 25  # pictures after which a face beside the tracked one is looked at again
_REACH = 3.0  # face sizes that another face may come nearer while nobody looks
_MOST_FACES = 4  # beside the tracked one that are looked at in a picture


class FaceTrack(Extractor):
    """Settings: ``min_confidence`` of detection and mesh; ``zoom`` of the search.

    Whose track it is is certain only at the end: until then all rows are kept, 100 kB a second of video.
    """

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
        blocks: deque[Track] = deque()
        report = FaceReport(rows.rate)
        try:
            for picture in reader:
                row = tracker.follow(picture.image)
                report.add(picture.time, row, tracker.person, tracker.beside)
                blocks.extend(rows.add(picture.time, row))
        finally:
            tracker.close()
        blocks.extend(rows.rest())
        own, first = report.own(tracker.sought), 0
        while blocks:
            block = blocks.popleft()
            valid = own[first : first + len(block.time)]
            yield Track(np.where(valid[:, None], block.value, np.float32(0)), block.time, valid, block.rate)
            first += len(valid)
        source.notes.extend([*reader.notes, *report.notes(tracker.sought)])


class FaceTracker:
    """Follows the most prominent face of successive pictures, and goes back to it after it was lost.

    The detector misses faces under about a fifth of the picture. With a ``zoom`` above 1 a face is looked for in
    overlapping squares of 1 / zoom of the picture's height, and followed in a square of three times its size.

    Args:
        confidence: of the detector and of the mesh.
        zoom: 1 for the whole picture.

    Attributes:
        person: whose face the last row is, by number in the order in which people were met; None where nobody knows
            or there is no row.
        beside: whether another face was seen beside that one in the last picture.
    """

    def __init__(self, confidence: float, zoom: int = 1) -> None:
        self._mesh = make_mesh(confidence)
        self._finder = FaceFinder(confidence)
        self._zoom = zoom
        self._region: Square | None = None
        self._since_confirmed = CONFIRM_EVERY
        self._since_searched = SEARCH_EVERY
        self._since_looked = LOOK_EVERY
        self._people = People()
        self._picture = -1
        self._anew = True  # the mesh did not follow the face from the picture before
        self._before: np.ndarray | None = None
        self._others: list[np.ndarray] | None = None  # boxes beside the face; None where nobody looked
        self.person: int | None = None
        self.beside = False

    @property
    def sought(self) -> int | None:
        """The person whose track it is, by what was seen until now; None where no face was."""
        return self._people.sought

    def close(self) -> None:
        """Free the models."""
        self._mesh.close()
        self._finder.close()

    def follow(self, image: np.ndarray) -> np.ndarray | None:
        """Return the (940,) float32 row of an (H, W, 3) RGB picture, or None where there is no face.

        It is the face of :attr:`sought` where that one is in view, else whoever's; :attr:`person` says whose.
        """
        self._picture += 1
        self._others, self.person, self.beside = None, None, False
        cut, self._before = changed(self._before, image)
        if cut:
            self._people.cut = self._picture
        row = self._track(image)
        if row is not None:
            row = self._tell(image, row, goes_on=not self._anew and not cut)
        self._anew = row is None
        if row is not None and self._region is not None and not fits(self._region, row[BOX]):
            self._look_at(image, row[BOX])
        return row

    def _track(self, image: np.ndarray) -> np.ndarray | None:
        """Return the row of the face that the mesh follows, or finds anew, whosever it is."""
        self._since_searched += 1
        if self._zoom == 1:
            return self._follow_in(image)
        row = self._follow_in(image, self._region) if self._region is not None else None
        if row is None and self._since_searched >= SEARCH_EVERY:
            self._since_searched = 0
            found = self._finder.search(image, self._zoom)
            if found:
                self._look_at(image, self._likeliest(image, found))
                row = self._follow_in(image, self._region)
        return row

    def _follow_in(self, image: np.ndarray, region: Square | None = None) -> np.ndarray | None:
        row = row_in(self._mesh, image, region)
        if row is None:
            self._since_confirmed = CONFIRM_EVERY
            return None
        self._since_confirmed += 1
        if self._since_confirmed >= CONFIRM_EVERY:
            found = self._finder.boxes(image, region)
            if not any(holds(row[BOX], box) for box in found):
                return None  # asked again at the next picture
            self._since_confirmed = 0
            self._others = [box for box in found if _beside(row, box)]
        return row

    def _look_at(self, image: np.ndarray, box: np.ndarray) -> None:
        """Follow the face of ``box`` from now on; the mesh knows nothing of where it looked before."""
        region = around(box, image.shape[1], image.shape[0])
        if region != self._region:  # at the picture's edge it stays what it was
            self._region = region
            self._since_confirmed = CONFIRM_EVERY
            self._anew = True
            self._mesh.reset()

    def _likeliest(self, image: np.ndarray, boxes: list[np.ndarray]) -> np.ndarray:
        """Return the box of the person sought, or the first where nobody looks like that person."""
        if len(boxes) > 1 and self.sought is not None:
            for box in boxes[:_MOST_FACES]:
                row = self._finder.mesh_of(image, box)
                if row is not None and self._people.is_like(self.sought, look_of(image, row)):
                    return box
        return boxes[0]

    def _tell(self, image: np.ndarray, row: np.ndarray, *, goes_on: bool) -> np.ndarray | None:
        """Say whose face a row is; return the row of the person sought instead where that one is beside."""
        people, picture = self._people, self._picture
        if goes_on and people.now is not None and self._others is None and not people.crowded(picture):
            self.person = people.now
            people.seen(self.person, row[BOX], picture)
        else:
            look, apart = look_of(image, row), bool(self._others)
            self.person = people.tell(look, row[BOX], picture, goes_on=goes_on, apart=apart)
        for other in self._look_beside(image, row):
            self.beside = True
            met = people.meet(look_of(image, other), other[BOX])
            if self.person != people.sought == met:
                return self._go_back(image, other)
        if self.person != people.sought:
            self._since_confirmed = CONFIRM_EVERY  # the one sought is looked for in every picture
        return row

    def _look_beside(self, image: np.ndarray, row: np.ndarray) -> list[np.ndarray]:
        """Return the rows of the faces beside that of ``row``; those beside the right one now and then only."""
        strange = self.person != self.sought
        boxes = self._others or []
        if strange and self._zoom > 1 and self._since_searched >= SEARCH_EVERY:
            self._since_searched = 0
            boxes = [box for box in self._finder.search(image, self._zoom) if _beside(row, box)]
        if len(self._people.people) > 1 and any(_near(row, box) for box in boxes):
            self._people.company = self._picture
        self._since_looked += 1
        if not boxes or not (strange or self._since_looked >= LOOK_EVERY):
            return []
        self._since_looked = 0
        found = (self._finder.mesh_of(image, box) for box in boxes[:_MOST_FACES])
        others = [other for other in found if other is not None]
        if any(_near(row, other[BOX]) for other in others):
            self._people.company = self._picture
        return others

    def _go_back(self, image: np.ndarray, row: np.ndarray) -> np.ndarray | None:
        """Follow the face of ``row`` from now on, which is the one sought; return its row by the mesh that follows it.

        The mesh takes the first face it finds, so it is shown nothing but this one.
        """
        x, y, width, height = row[BOX]
        left, top = max(0, round(x - width / 2)), max(0, round(y - height / 2))
        here = np.s_[top : round(y + 1.5 * height), left : round(x + 1.5 * width)]
        alone = np.zeros_like(image)
        alone[here] = image[here]
        if self._zoom > 1:
            self._look_at(image, row[BOX])
        self._mesh.reset()
        found = self._follow_in(alone, self._region)
        self.person = None
        if found is None or not holds(found[BOX], row[BOX]):
            return None
        self.person = self.sought
        assert self.person is not None
        self._people.seen(self.person, found[BOX], self._picture)
        return found


def _beside(row: np.ndarray, box: np.ndarray) -> bool:
    """Whether a detection is another face than that of a row."""
    return not holds(row[BOX], box) and overlap(row[BOX], box) < 0.1


def _near(row: np.ndarray, box: np.ndarray) -> bool:
    """Whether a face is so near that of a row that it may soon be before it."""
    x, y = row[:2] + row[2:4] / 2 - box[:2] - box[2:] / 2
    return bool(np.hypot(x, y) < _REACH * max(row[2:4]))
