"""A track: the rows of one feature of one participant in one recording, and what it must be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.errors import DataError

PIECE_BYTES = 4 << 20  # of values that are held at a time where a track is copied or checked


@dataclass(frozen=True)
class Track:
    """A feature of one participant in one recording, or some rows of it.

    Attributes:
        value: (T, D) float32 or float16; zero where invalid.
        time: (T,) float64, seconds, increasing: the centre of the signal each row summarises.
        valid: (T,) bool.
        rate: nominal rate in Hz.
    """

    value: np.ndarray
    time: np.ndarray
    valid: np.ndarray
    rate: float


@dataclass(frozen=True)
class TrackInfo:
    """The size of a track: rows T, dimension D, nominal rate in Hz, type of its values."""

    rows: int
    dim: int
    rate: float
    dtype: np.dtype


def pieces(info: TrackInfo) -> Iterator[slice]:
    """Yield the rows of a track, in order, in pieces of bounded size; of a track without rows one without any."""
    height = max(1, PIECE_BYTES // max(1, info.dim * info.dtype.itemsize))
    yield from (slice(at, at + height) for at in range(0, max(1, info.rows), height))


def check_track(path: Path | str, name: str, track: Track, after: float = -np.inf) -> None:
    """Refuse rows that are not what a track must be.

    Args:
        path, name: the file and the track, for the message.
        track: all rows or some.
        after: the time of the row before them.

    Raises:
        DataError: if there are not T rows of each, or values or times are not finite, or times do not increase.
    """
    value, time, valid = track.value, track.time, track.valid
    problem = None
    if value.ndim != 2 or not value.shape[:1] == time.shape == valid.shape:
        problem = f"shapes value {value.shape}, time {time.shape}, valid {valid.shape}"
    elif not np.isfinite(time).all():
        problem = "times that are not finite"
    elif len(time) and not (time[0] > after and (time[1:] > time[:-1]).all()):
        problem = "times that do not increase"
    elif not np.isfinite(value).all():
        problem = "values that are not finite"
    if problem:
        raise DataError(
            path, f"{name} with {problem}", "T rows each, finite, times increasing", "report this extractor"
        )
