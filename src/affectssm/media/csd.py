"""Computational sequences of CMU-MultimodalSDK (``.csd``): HDF5, ``/<root>/data/<video>/{features,intervals}``.

The root is the only group at the top, whatever its name, which need not be the file's. Features are (n, d), intervals
(n, 2) seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from affectssm.media.probe import MediaError, UnsafeFileError
from affectssm.store.files import check_regular

MAX_ROWS = 1 << 24  # of a video: two days of a hundred rows a second
_DAMAGED = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, OverflowError)


class Csd:
    """A file of sequences, open for reading.

    Attributes:
        root: the name of its top group.
        videos: those it holds, sorted.

    Raises:
        MediaError: if it cannot be read as one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            check_regular(path)
            self._file = h5py.File(path, "r", locking=False)
            tops = list(self._file)
            if len(tops) != 1:
                raise ValueError(f"{len(tops)} groups at the top")
            self.root = tops[0]
            self._data = _held(self._file, self.root, path)["data"]
            self.videos = sorted(self._data)
        except _DAMAGED as error:
            raise self._damaged(str(error)) from error

    def __enter__(self) -> Csd:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sizes(self, most: int | None = None) -> Iterator[tuple[str, tuple[int, ...], np.ndarray]]:
        """Yield each video, the shape of its features, and (2,) seconds: where it begins and ends.

        A video that cannot be read has the shape (). With ``most`` there are that many at most.
        """
        for video in self.videos[:most]:
            try:
                features, intervals = self._of(video)
                ends = np.array([intervals[0, 0], intervals[-1, 1]], float) if len(intervals) else np.zeros(2)
                yield video, features.shape, ends
            except MediaError:
                yield video, (), np.zeros(2)

    def read(self, video: str, start: float = -np.inf, end: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Return (n, d) features and (n, 2) intervals of the rows of a video whose middles lie in [start, end).

        Raises:
            MediaError: if they cannot be read.
        """
        features, intervals = self._of(video)
        try:
            held = np.asarray(intervals, np.float64)
            middles = held.mean(axis=1)
            inside = np.flatnonzero((middles >= start) & (middles < end))
            if not len(inside):
                return np.zeros((0, features.shape[1]), np.float32), held[:0]
            part = slice(inside[0], inside[-1] + 1)
            return np.asarray(features[part])[inside - inside[0]], held[inside]
        except _DAMAGED as error:
            raise self._damaged(f"{video}: {error}") from error

    def _of(self, video: str) -> tuple[Any, Any]:
        try:
            group = _held(self._data, video, self.path)
            features, intervals = (_held(group, name, self.path) for name in ("features", "intervals"))
            rows = len(features)
            fits = features.ndim == 2 and intervals.shape == (rows, 2) and rows <= MAX_ROWS
            if not fits or {features.dtype.kind, intervals.dtype.kind} - set("fiu"):
                raise ValueError(f"features {features.shape}, {features.dtype}, intervals {intervals.shape}")
        except _DAMAGED as error:
            raise self._damaged(f"{video}: {error}") from error
        return features, intervals

    def _damaged(self, found: str) -> MediaError:
        return MediaError(
            self.path,
            f"not readable as a computational sequence: {found}",
            "HDF5 of one group with data/<video>/features and intervals",
            "copy the file again from the owner's download",
        )


def _held(group: Any, name: str, path: Path) -> Any:
    """Return a member of a group that lies in this file itself."""
    link = group.get(name, getlink=True)
    if link is None:
        raise KeyError(f"no {name}")
    found = group[name] if isinstance(link, h5py.HardLink) else None
    if found is None or (isinstance(found, h5py.Dataset) and (found.external or found.is_virtual)):
        raise UnsafeFileError(
            path, f"{name!r} leads out of the file", "data in the file itself", "take another file"
        )
    return found
