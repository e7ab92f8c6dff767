"""Everybody's face in a video, followed at the same time and told apart by looks.

Where :class:`affectssm.features.faces.FaceTracker` follows one face and goes back to it, here each face in view has a
mesh of its own, in a square around it. It is built of the same parts: the detector and the mesh
(:mod:`affectssm.features.face_finder`), and the looks by which people are told apart
(:mod:`affectssm.features.face_people`).

Two faces in one picture are two people; a face that goes on from the picture before is the same person's, unless it has
passed over to somebody who came too near; a face that is found anew is whose looks it has, of those who are not in view
already. After the video people who were never in one picture and look alike are taken for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from affectssm.features.face_finder import FaceFinder, around, fits, holds, make_mesh, row_in
from affectssm.features.face_people import (
    CLEARLY,
    DIFFERENT,
    GAP,
    SAME,
    Person,
    changed,
    distances,
    look_of,
)
from affectssm.features.facebox import BOX, Square, overlap

CONFIRM_EVERY, SEARCH_EVERY = 5, 10
MOST = 16  # faces followed at a time
_SAME_FACE = 0.3  # overlap of the boxes of two meshes that have come to one face


@dataclass
class _Follower:
    """A mesh that follows one person's face.

    Attributes:
        person: whose, by number in the order in which people were met.
        mesh: MediaPipe's.
        region: where it looks.
        since_confirmed: pictures since the detector has seen the face, too.
        lost: pictures since the face was last there.
    """

    person: int
    mesh: Any
    region: Square
    since_confirmed: int = 0
    lost: int = 0


class Crowd:
    """Follows the faces of successive pictures.

    Args:
        confidence: of the detector and of the meshes.
        zoom: faces are looked for in the whole picture and, above 1, in squares of 1 / zoom of its height.

    Attributes:
        people: everybody met so far, with their looks.
    """

    def __init__(self, confidence: float, zoom: int) -> None:
        self.people: list[Person] = []
        self._confidence, self._zoom = confidence, zoom
        self._finder = FaceFinder(confidence)
        self._followers: list[_Follower] = []
        self._idle: list[Any] = []  # meshes to be used again: to make one takes a tenth of a second
        self._since_searched = SEARCH_EVERY
        self._before: np.ndarray | None = None
        self._together: set[tuple[int, int]] = set()

    def close(self) -> None:
        """Free the models."""
        self._finder.close()
        for mesh in (*self._idle, *(one.mesh for one in self._followers)):
            mesh.close()
        self._idle, self._followers = [], []

    def follow(self, image: np.ndarray) -> dict[int, np.ndarray]:
        """Return person -> row (940,) float32 of every face in an (H, W, 3) RGB picture."""
        cut, self._before = changed(self._before, image)
        if cut:  # places mean nothing any more
            self._retire(list(self._followers))
            self._since_searched = SEARCH_EVERY
        rows: dict[int, np.ndarray] = {}
        for follower in list(self._followers):
            row = self._step(follower, image)
            if row is not None:
                rows[follower.person] = row
        self._one_mesh_a_face(rows, image)
        self._since_searched += 1
        if self._since_searched >= SEARCH_EVERY:
            self._since_searched = 0
            self._search(image, rows)
        for person, row in rows.items():
            self.people[person].box = row[BOX].copy()
            self.people[person].pictures += 1
        self._together |= set(combinations(sorted(rows), 2))
        self._retire([one for one in self._followers if one.lost > GAP])
        return rows

    def same(self) -> list[int]:
        """Return for each person the number under which it goes: of people who are one, that of the first."""
        alias = list(range(len(self.people)))
        groups = {number: {number} for number in alias}
        found = sorted(
            (self._apart(one, other), one, other) for one, other in combinations(range(len(self.people)), 2)
        )
        for away, one, other in found:
            first, second = sorted((alias[one], alias[other]))
            if away > SAME or first == second:
                continue
            if any(
                tuple(sorted(pair)) in self._together
                for pair in ((a, b) for a in groups[first] for b in groups[second])
            ):
                continue
            groups[first] |= groups.pop(second)
            for number in groups[first]:
                alias[number] = first
        return alias

    def _apart(self, one: int, other: int) -> float:
        looks = np.stack(self.people[other].looks)
        return min(float(distances(look, looks).min()) for look in self.people[one].looks)

    def _step(self, follower: _Follower, image: np.ndarray) -> np.ndarray | None:
        """Return the row of a follower's face in the next picture, or None where it is not to be seen."""
        row = row_in(follower.mesh, image, follower.region)
        again = follower.lost > 0
        follower.since_confirmed += 1
        if row is not None and (again or follower.since_confirmed >= CONFIRM_EVERY):
            seen = any(holds(row[BOX], box) for box in self._finder.boxes(image, follower.region))
            if not seen or not self._is_own(follower, look_of(image, row)):
                row = None
            else:
                follower.since_confirmed = 0
        follower.lost = 0 if row is not None else follower.lost + 1
        if row is None:
            return None
        if not fits(follower.region, row[BOX]):
            self._look_at(follower, image, row[BOX])
        return row

    def _is_own(self, follower: _Follower, look: np.ndarray) -> bool:
        """Whether a face is still its person's; a new look of it is remembered."""
        away = [person.apart(look) for person in self.people]
        own = away[follower.person]
        others = [distance for number, distance in enumerate(away) if number != follower.person]
        nearest = min(others, default=np.inf)
        if nearest < own - CLEARLY and (nearest <= SAME or own > DIFFERENT):
            return False
        if follower.lost and own > DIFFERENT:  # found again, and nobody's that is known
            return False
        if own <= DIFFERENT:
            self.people[follower.person].learn(look, own)
        return True

    def _look_at(self, follower: _Follower, image: np.ndarray, box: np.ndarray) -> None:
        region = around(box, image.shape[1], image.shape[0])
        if region != follower.region:  # at the picture's edge it stays what it was
            follower.region = region
            follower.mesh.reset()

    def _one_mesh_a_face(self, rows: dict[int, np.ndarray], image: np.ndarray) -> None:
        """Of two meshes that have come to one face, keep that of the person whom it looks like."""
        for one, other in combinations(sorted(rows), 2):
            if one in rows and other in rows and overlap(rows[one][BOX], rows[other][BOX]) > _SAME_FACE:
                look = look_of(image, rows[one])
                lost = other if self.people[one].apart(look) <= self.people[other].apart(look) else one
                del rows[lost]
                self._retire([each for each in self._followers if each.person == lost])

    def _search(self, image: np.ndarray, rows: dict[int, np.ndarray]) -> None:
        """Look for faces that nobody follows, and follow them; their rows are added."""
        for box in self._boxes(image):
            if len(self._followers) >= MOST or any(_at(row, box) for row in rows.values()):
                continue
            row = self._finder.mesh_of(image, box)
            if row is None or any(overlap(row[BOX], held[BOX]) > _SAME_FACE for held in rows.values()):
                continue
            person = self._whose(look_of(image, row), row[BOX], set(rows))
            self._retire([one for one in self._followers if one.person == person])  # it looks elsewhere
            region = around(row[BOX], image.shape[1], image.shape[0])
            self._followers.append(_Follower(person, self._mesh(), region))
            rows[person] = row

    def _boxes(self, image: np.ndarray) -> list[np.ndarray]:
        """Return boxes (4,) of the faces of a picture, each once, found in the whole and in its squares."""
        kept = self._finder.boxes(image)
        if self._zoom > 1:
            for box in self._finder.search(image, self._zoom):
                if all(overlap(box, other) < _SAME_FACE for other in kept):
                    kept.append(box)
        return kept

    def _whose(self, look: np.ndarray, box: np.ndarray, in_view: set[int]) -> int:
        """Return whose face it is that was found anew, of those who are not in view; somebody new is added."""
        away = [np.inf if n in in_view else person.apart(look) for n, person in enumerate(self.people)]
        nearest = int(np.argmin(away)) if away else -1
        if nearest >= 0 and away[nearest] <= DIFFERENT:
            self.people[nearest].learn(look, away[nearest])
            return nearest
        self.people.append(Person([look], box.copy()))
        return len(self.people) - 1

    def _mesh(self) -> Any:
        if not self._idle:
            return make_mesh(self._confidence)
        mesh = self._idle.pop()
        mesh.reset()
        return mesh

    def _retire(self, followers: list[_Follower]) -> None:
        for one in followers:
            self._followers.remove(one)
            self._idle.append(one.mesh)


def _at(row: np.ndarray, box: np.ndarray) -> bool:
    """Whether a detection is the face of a row."""
    return holds(row[BOX], box) or overlap(row[BOX], box) > _SAME_FACE / 3
