"""Two ways to the same native rows: from memory, when a split is small, and from the HDF5 files.

Both answer ``gather`` for W windows of L clock frames and agree bit for bit. R is the longest run of rows a
window of the batch needs; shorter runs are filled up with their last row. A window of no track is one row of
zeros, invalid.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from affectssm.media.spacing import gather
from affectssm.timeline.clock import clock_times
from affectssm.timeline.tracks import Key, TrackFiles

TIMES_BYTES = 256 << 20  # row times kept in memory by a StoredFeature


@dataclass(frozen=True)
class Gathered:
    """Native rows of W windows, and where the clock frames lie between them.

    Attributes:
        rows: (W, R, D) float32 or float16, as stored.
        index: (W, L) int64, the row at or before each frame, counted within the window's rows.
        phase: (W, L) float32 in [0, 1).
        valid: (W, L) bool.
    """

    rows: np.ndarray
    index: np.ndarray
    phase: np.ndarray
    valid: np.ndarray


class Source(Protocol):
    """Something that has the tracks of one feature, numbered 0 to K-1; number K stands for no track."""

    dim: int

    def gather(self, track: np.ndarray, start: np.ndarray, length: int) -> Gathered:
        """Gather windows: ``track`` (W,) numbers, ``start`` (W,) first clock frames."""
        ...


@dataclass(frozen=True)
class Clocks:
    """The tracks by number, and the clock of the recording of each.

    Attributes:
        keys: the K tracks in the order of their numbers.
        frames: clock frames of each track's recording.
        hz: clock frames a second.
    """

    keys: Sequence[Key]
    frames: Mapping[Key, int]
    hz: Mapping[Key, float]


def cache_bytes(files: TrackFiles, frames: dict[Key, int]) -> int:
    """Bytes a :class:`CachedFeature` of these tracks takes."""
    values = sum(info.rows * info.dim for info in files.info.values()) * files.dtype.itemsize
    return values + 9 * sum(frames[key] for key in files.info)


class CachedFeature:
    """All tracks in memory, one after the other, with their clock frames worked out beforehand.

    Args:
        files: the feature.
        clocks: of the tracks.
        dim: columns of the feature.
        held: whether rows count even where they are not valid.
    """

    def __init__(self, files: TrackFiles, clocks: Clocks, dim: int, held: bool = False) -> None:
        self.dim = dim
        keys, frames = clocks.keys, clocks.frames
        rows = np.array([files.info[key].rows if key in files.info else 0 for key in keys] + [1], np.int64)
        length = np.array([frames[key] if key in files.info else 0 for key in keys] + [1], np.int64)
        self._rows, self._length = rows, length
        self._row0, self._frame0 = np.cumsum(rows) - rows, np.cumsum(length) - length
        # the last row and the last frame are those of "no track"
        self._value = np.zeros((rows.sum(), dim), files.dtype)
        self._index = np.zeros(length.sum(), np.int32)
        self._phase = np.zeros(length.sum(), np.float32)
        self._valid = np.zeros(length.sum(), bool)
        for number, key in enumerate(keys):
            if key not in files.info:
                self._row0[number], self._rows[number] = self._row0[-1], 1
                self._frame0[number], self._length[number] = self._frame0[-1], 1
                continue
            track = files.track(key)
            self._value[self._row0[number] :][: rows[number]] = track.value
            span = slice(self._frame0[number], self._frame0[number] + length[number])
            self._index[span], self._phase[span], self._valid[span] = gather(
                track.time, track.valid | held, clock_times(0, frames[key], clocks.hz[key]), 1 / track.rate
            )

    def gather(self, track: np.ndarray, start: np.ndarray, length: int) -> Gathered:
        """See :class:`Source`."""
        position = start[:, None] + np.arange(length)
        frame = self._frame0[track][:, None] + np.clip(position, 0, self._length[track][:, None] - 1)
        index = self._index[frame].astype(np.int64)
        first = index[:, 0]
        last = np.minimum(index[:, -1] + 1, self._rows[track] - 1)
        run = first[:, None] + np.arange((last - first).max() + 1)
        rows = self._row0[track][:, None] + np.minimum(run, last[:, None])
        return Gathered(self._value[rows], index - first[:, None], self._phase[frame], self._valid[frame])


class StoredFeature:
    """Tracks left in their files; of the row times those used last are kept. Arguments: as CachedFeature."""

    def __init__(self, files: TrackFiles, clocks: Clocks, dim: int, held: bool = False) -> None:
        self.dim = dim
        self._files, self._clocks, self._held = files, clocks, held
        self._dtype = files.dtype
        self._times: OrderedDict[Key, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._times_bytes = 0

    def gather(self, track: np.ndarray, start: np.ndarray, length: int) -> Gathered:
        """See :class:`Source`."""
        windows, frames = len(track), np.arange(length)
        index = np.zeros((windows, length), np.int64)
        phase = np.zeros((windows, length), np.float32)
        valid = np.zeros((windows, length), bool)
        runs: list[np.ndarray] = []
        for w in range(windows):
            key = self._clocks.keys[track[w]] if track[w] < len(self._clocks.keys) else None
            if key is None or key not in self._files.info:
                runs.append(np.zeros((1, self.dim), self._dtype))
                continue
            position = np.clip(start[w] + frames, 0, self._clocks.frames[key] - 1)
            times = (position + 0.5) / self._clocks.hz[key]
            runs.append(self._window(key, times, index[w], phase[w], valid[w]))
        longest = max(map(len, runs))
        rows = np.stack([np.concatenate([run, np.repeat(run[-1:], longest - len(run), 0)]) for run in runs])
        return Gathered(rows, index, phase, valid)

    def _window(
        self, key: Key, times: np.ndarray, index: np.ndarray, phase: np.ndarray, valid: np.ndarray
    ) -> np.ndarray:
        """Fill one window's index, phase and valid in place and return its rows."""
        time, row_valid = self._row_times(key)
        step = 1 / self._files.info[key].rate
        index[:], phase[:], valid[:] = gather(time, row_valid | self._held, times, step)
        first, last = int(index[0]), min(int(index[-1]) + 1, len(time) - 1)
        index -= first
        return self._files.values(key, first, last + 1)

    def _row_times(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        if key in self._times:
            self._times.move_to_end(key)
            return self._times[key]
        found = self._files.times(key)
        self._times[key] = found
        self._times_bytes += sum(part.nbytes for part in found)
        while self._times_bytes > TIMES_BYTES and len(self._times) > 1:
            _, dropped = self._times.popitem(last=False)
            self._times_bytes -= sum(part.nbytes for part in dropped)
        return found
