"""Rows of features as a table's: each at its own rate, or all on one clock; piece by piece, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import StreamRow
from affectssm.media.spacing import gather
from affectssm.serving.tracks import feature_file
from affectssm.store.shards import ShardReader
from affectssm.store.track import pieces
from affectssm.timeline.clock import clock_times

CLOCK_ROWS = 1 << 12  # frames of the clock at a time


@dataclass(frozen=True)
class Piece:
    """Some successive rows of a participant.

    Attributes:
        recording, participant: whose.
        time: (T,) seconds, the centres.
        features: name -> values (T, D) float32, zero where not valid, and valid (T,).
    """

    recording: str
    participant: str
    time: np.ndarray
    features: dict[str, tuple[np.ndarray, np.ndarray]]


class Features:
    """Open feature files of given media.

    Args:
        folder: with ``{name}/s00.h5`` of each.
        names: of the features.
        rows: of the manifest.

    Attributes:
        dims: columns of each feature; of one that nobody has, none.
    """

    def __init__(self, folder: Path, names: Sequence[str], rows: Sequence[StreamRow]) -> None:
        self._stack = ExitStack()
        self.names = list(names)
        self.readers = {
            name: self._stack.enter_context(ShardReader(feature_file(folder, name))) for name in names
        }
        self.seconds: dict[tuple[str, str], float] = {}
        for row in rows:
            key = row.recording, row.participant
            self.seconds[key] = max(self.seconds.get(key, 0.0), row.duration_s)
        self.dims = {
            name: reader.info(*keys[0]).dim
            for name, reader in self.readers.items()
            if (keys := [key for key in reader.keys() if reader.info(*key).rows])  # noqa: SIM118
        }

    def __enter__(self) -> Features:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def native(self) -> Iterator[Piece]:
        """Yield the rows of every track as they are: of one feature a piece."""
        for name in self.names:
            reader = self.readers[name]
            for key in reader.keys():  # noqa: SIM118
                for rows in pieces(reader.info(*key)):
                    track = reader.track(*key, rows.start, rows.stop)
                    if len(track.time):
                        yield Piece(*key, track.time, {name: (track.value.astype(np.float32), track.valid)})

    def on_clock(self, hz: float) -> Iterator[Piece]:
        """Yield frames of a clock from the beginning of the media to their end, with all features in each.

        Between two rows a feature is interpolated, as models are given it. Where there is nothing it is not valid.
        """
        for key, seconds in sorted(self.seconds.items()):
            times = {name: reader.times(*key) for name, reader in self.readers.items() if key in reader}
            frames = max(1, int(np.floor(seconds * hz + 0.5)))
            for start in range(0, frames, CLOCK_ROWS):
                clock = clock_times(start, min(start + CLOCK_ROWS, frames), hz)
                found = {
                    name: self._between(name, key, *times[name], clock)
                    if name in times
                    else self._nothing(name, clock)
                    for name in self.dims
                }
                yield Piece(*key, clock, found)

    def _between(
        self, name: str, key: tuple[str, str], time: np.ndarray, valid: np.ndarray, clock: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        reader = self.readers[name]
        if not len(time):
            return self._nothing(name, clock)
        index, phase, there = gather(time, valid, clock, 1 / reader.info(*key).rate)
        after = np.minimum(index + 1, len(time) - 1)
        first, last = int(index[0]), int(after[-1])
        rows = reader.values(*key, first, last + 1).astype(np.float32)
        share = phase[:, None]
        value = (1 - share) * rows[index - first] + share * rows[after - first]
        return np.where(there[:, None], value, np.float32(0)), there

    def _nothing(self, name: str, clock: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(clock), self.dims[name]), np.float32), np.zeros(len(clock), bool)
