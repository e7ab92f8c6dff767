"""What is to be said of a face track: pictures without the face, with another's, and jumps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from affectssm.features.facebox import BOX, overlap
from affectssm.media.probe import MediaNote

JUMP_S = 0.5  # a face that is elsewhere after this time has not gone there
_NO_FACE, _UNKNOWN = -1, -2
_LOST, _LOOKED = (
    2,
    30,
)  # pictures: a face just lost, a look beside it some pictures ago; no stretch ends with them
_TOLD = 5


class FaceReport:
    """Collects, picture by picture, where the face was and whose it was.

    Args:
        rate: pictures a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._times: list[float] = []
        self._persons: list[int] = []
        self._boxes: list[np.ndarray] = []
        self._beside: list[bool] = []

    def add(self, time: float, row: np.ndarray | None, person: int | None, beside: bool) -> None:
        """Add a picture: its row, or None; whose face it is, if known; whether another was seen beside it."""
        self._times.append(time)
        self._persons.append(_NO_FACE if row is None else _UNKNOWN if person is None else person)
        self._boxes.append(np.zeros(4) if row is None else row[BOX].copy())
        self._beside.append(beside)

    def own(self, person: int | None) -> np.ndarray:
        """Return in which pictures a person's face was tracked: (T,) bool."""
        return np.array(self._persons, int) == (np.nan if person is None else person)

    def notes(self, person: int | None) -> list[MediaNote]:
        """Return what is to be said of the track of ``person``."""
        own, found = self.own(person), []
        if len(own) and not own.all():
            code = "face_missing_frames" if own.any() else "no_face"
            what = f"a face in {own.sum()} of {len(own)} pictures"
            found.append(MediaNote(code, what, "a face in every picture", "masked"))
        strange = (np.array(self._persons, int) != _NO_FACE) & ~own
        if strange.any():
            since = self._times[int(own.argmax())]
            what = f"another face in {strange.sum()} of {len(own)} pictures, {strange.sum() / self._rate:.2f} s: "
            right = f"the face tracked first at {since:.2f} s, in {own.sum()} pictures"
            found.append(MediaNote("other_face", what + self._spans(strange, _LOST), right, "masked"))
        beside = np.array(self._beside, bool) & own
        if beside.any():
            what = f"another face beside the tracked one: {self._spans(beside, _LOOKED)}"
            found.append(MediaNote("several_faces", what, "one face", "decided"))
        jumps = self._jumps(own)
        if jumps:
            what = f"{len(jumps)} times elsewhere in the next picture: at {_listed([f'{t:.2f} s' for t in jumps])}"
            found.append(MediaNote("face_jump", what, "a face that moves on from where it was", "ignored"))
        return found

    def _spans(self, where: np.ndarray, within: int) -> str:
        """Name the stretches of pictures that are at most ``within`` pictures apart, in seconds."""
        times = np.array(self._times)[where]
        breaks = np.flatnonzero(np.diff(np.flatnonzero(where)) > within) + 1
        half = 0.5 / self._rate
        return _listed([f"{run[0] - half:.2f} to {run[-1] + half:.2f} s" for run in np.split(times, breaks)])

    def _jumps(self, own: np.ndarray) -> list[float]:
        """Return the times at which the face is soon after at a place that does not touch the one before."""
        return [
            self._times[after]
            for before, after in pairwise(np.flatnonzero(own))
            if self._times[after] - self._times[before] <= JUMP_S
            and not overlap(self._boxes[before], self._boxes[after])
        ]


def _listed(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _TOLD} more" if len(parts) > _TOLD else ""
    return ", ".join(parts[:_TOLD]) + more
