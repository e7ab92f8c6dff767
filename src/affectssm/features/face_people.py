"""Whose face it is: a face track is one person's, and others may walk through the picture.

No network tells people apart here. What does is what the video itself shows: two faces in one picture are two
people; a face that goes on from the picture before is the same person's; and a face that is found anew is whose
looks it has. A *look* is a small colour picture of the head, aligned by the mesh. Two looks are compared cell by
cell in CIE Lab, after the median difference of all cells has been taken out (another exposure, another white
balance), and their distance is the median over the cells, so that a hand before the mouth changes little. On the
real faces and the demo's, looks of one person lie 0 to 9 apart, and those of two people 12 to 20.

The person who is tracked first is the one sought, unless another is tracked three times as long: a camera is
started for its participant, but someone may have started it by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from affectssm.features.facebox import POINTS, overlap

SAME, DOUBTFUL, DIFFERENT = 9.0, 11.0, 13.0
"""Distances up to which two looks are one person's, beyond which a face is nobody's that may be another's, and beyond
which two looks are two people's."""
CLEARLY = 2.0  # by how much a look must be nearer to another person, where both are in view
LONGER = 3  # times as many pictures as the first person make another the one sought
GAP, COMPANY = 25, 125  # pictures after which a lost face may be elsewhere, and a face near it has passed

cv2.setNumThreads(1)  # a look is too small to be shared out

_CELLS, _FINE = 16, 4
_REACH = 2.0  # of a look from its middle, in root mean square distances of the landmarks from theirs
_LEFT_EYE, _RIGHT_EYE = (33, 133), (362, 263)
_LOOKS, _FIRST_LOOKS, _NEW_LOOK = 8, 3, 3.0
_FAR = 2.0  # face sizes beyond which a place says no more


def look_of(image: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the look (16, 16, 3) float32, in CIE Lab, of the face of a track's ``row`` in an RGB picture."""
    points = row[POINTS].reshape(-1, 2).astype(np.float64)
    middle = points.mean(0)
    spread = np.sqrt(((points - middle) ** 2).sum(1).mean())
    across = points[list(_RIGHT_EYE)].mean(0) - points[list(_LEFT_EYE)].mean(0)
    scale, roll = _CELLS * _FINE / (2 * _REACH * max(spread, 1.0)), -np.arctan2(across[1], across[0])
    cosine, sine = scale * np.cos(roll), scale * np.sin(roll)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    placed = np.column_stack([turn, _CELLS * _FINE / 2 - turn @ middle])
    fine = cv2.warpAffine(image, placed, (_CELLS * _FINE,) * 2, borderMode=cv2.BORDER_REPLICATE)
    cells = cv2.resize(fine, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(cells.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def distances(look: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distances (N,) of a look (S, S, 3) from ``others`` (N, S, S, 3)."""
    cells = len(look) ** 2
    difference = np.ascontiguousarray((others - look).reshape(len(others), cells, 3).swapaxes(1, 2))
    difference -= np.partition(difference, cells // 2, axis=2)[..., cells // 2, None]
    return np.partition(np.linalg.norm(difference, axis=1), cells // 2, axis=1)[:, cells // 2]


@dataclass
class Person:
    """Somebody whose face was in view: looks, the last box (4,), and in how many pictures the face was tracked."""

    looks: list[np.ndarray]
    box: np.ndarray
    pictures: int = 0

    def apart(self, look: np.ndarray) -> float:
        """Return how far a look is from the nearest of this person's."""
        return float(distances(look, np.stack(self.looks)).min())

    def learn(self, look: np.ndarray, away: float) -> None:
        """Keep a look that lies ``away`` from all there are, if it is a new one; the first ones are never given up."""
        if away > _NEW_LOOK:
            self.looks.append(look)
            if len(self.looks) > _LOOKS:
                del self.looks[_FIRST_LOOKS]


@dataclass
class People:
    """Everybody whose face was in view so far; a person is told by the place in the list.

    Attributes:
        people: in the order in which they were met.
        now: the person of the last row, None before the first one and where nobody knew.
        last: the picture of the last row.
        company: the last picture with another face near the one that was tracked.
        cut: the last picture that has nothing in common with the one before, so that places mean nothing.
    """

    people: list[Person] = field(default_factory=list)
    now: int | None = None
    last: int = -1
    company: int = -COMPANY - 1
    cut: int = -1

    @property
    def sought(self) -> int | None:
        """The person whose track it is, as far as is known by now; None before the first row."""
        seen = [number for number, person in enumerate(self.people) if person.pictures]
        if not seen:
            return None
        most = max(seen, key=lambda number: (self.people[number].pictures, -number))
        return most if self.people[most].pictures > LONGER * self.people[seen[0]].pictures else seen[0]

    def crowded(self, picture: int) -> bool:
        """Whether another face was near in the last pictures, which may have taken the place of the tracked one."""
        return picture - self.company <= COMPANY

    def tell(
        self, look: np.ndarray, box: np.ndarray, picture: int, *, goes_on: bool, apart: bool
    ) -> int | None:
        """Say whose face was found and remember it; None where nobody knows.

        Args:
            look: of the face.
            box: of the face.
            picture: number of the picture.
            goes_on: whether the face was followed from the picture before, without a cut between them.
            apart: whether another face is in this very picture, at another place.
        """
        away = [person.apart(look) for person in self.people]
        crowded = self.crowded(picture) and not apart  # one face may just be passing before another
        if goes_on and self.now is not None:
            told = self._followed(away, self.now)
        else:
            told = self._found(away, box, picture)
        if crowded and (told == len(self.people) or away[told] > DOUBTFUL):  # perhaps a mixture of two faces
            self.now, self.last = self.now if goes_on else None, picture
            return None
        if told == len(self.people):
            self.people.append(Person([look], box))
        elif not crowded:
            self.people[told].learn(look, away[told])
        self.seen(told, box, picture)
        return told

    def seen(self, number: int, box: np.ndarray, picture: int) -> None:
        """Remember that a person's face was tracked in a picture."""
        self.people[number].box, self.now, self.last = box, number, picture
        self.people[number].pictures += 1

    def meet(self, look: np.ndarray, box: np.ndarray) -> int:
        """Say whose face is beside the tracked one: anybody's but the tracked person's."""
        away = [np.inf if n == self.now else person.apart(look) for n, person in enumerate(self.people)]
        told = self._nearest(away, box) if away else 0
        if not away or away[told] > DIFFERENT:
            self.people.append(Person([look], box))
            return len(self.people) - 1
        self.people[told].box = box
        return told

    def is_like(self, number: int, look: np.ndarray) -> bool:
        """Whether a look is a person's."""
        return self.people[number].apart(look) <= SAME

    def _followed(self, away: list[float], now: int) -> int:
        """Whose face it is that the mesh went on with: it may have passed over to somebody who came too near."""
        others = [n for n in range(len(away)) if n != now and self._nearer(away, n)]
        if others and (away[others[0]] <= SAME or away[now] > DIFFERENT):
            return others[0]
        return now

    def _nearer(self, away: list[float], number: int) -> bool:
        """Whether a look is clearly nearer to one person than to anybody else."""
        return all(
            away[number] < distance - CLEARLY for other, distance in enumerate(away) if other != number
        )

    def _found(self, away: list[float], box: np.ndarray, picture: int) -> int:
        """Whose face it is that was found anew; one more than there are for somebody new."""
        if not away:
            return 0
        nearest = self._nearest(away, box)
        if away[nearest] <= SAME:
            return nearest
        if self.now is not None and self._stayed(self.now, box, picture):
            return self.now
        return nearest if away[nearest] <= DIFFERENT else len(away)

    def _nearest(self, away: list[float], box: np.ndarray) -> int:
        """The person of the nearest look; of looks that are about as near, the one whose place is nearer."""

        def cost(number: int) -> float:
            last = self.people[number].box
            moved = np.linalg.norm(last[:2] + last[2:] / 2 - box[:2] - box[2:] / 2) / max(*last[2:], 1.0)
            return away[number] + CLEARLY * min(float(moved), _FAR) / _FAR

        return min(range(len(away)), key=cost)

    def _stayed(self, now: int, box: np.ndarray, picture: int) -> bool:
        """Whether a face lost a moment ago is found where it was, with nobody there to take its place."""
        near = picture - self.last <= GAP and overlap(self.people[now].box, box) > 0.3
        return near and not self.crowded(picture) and self.last >= self.cut


def changed(before: np.ndarray | None, image: np.ndarray) -> tuple[bool, np.ndarray]:
    """Say whether the whole picture has changed since the one before (a cut), and return what to compare next.

    Args:
        before: what the call for the picture before returned, None for the first one.
        image: (H, W, 3) RGB.
    """
    height, width = image.shape[:2]
    now = image[:: max(1, height // 16), :: max(1, width // 16), 1].astype(np.int16)
    if before is None or before.shape != now.shape:
        return before is not None, now
    return float(np.mean(np.abs(now - before) > 24)) > 0.5, now
