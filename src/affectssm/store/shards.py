"""Feature files: frame-wise tracks of a shard's recordings, and their resumable making.

``{shard}.h5`` holds a group per recording and participant with ``value`` (T, D) at the native rate, ``time`` (T,) in
seconds (the centre of the signal each row summarises) and ``valid`` (T,). While a shard is being made, each finished
recording lies in a part file of its own beside it, so that a killed job goes on with the next recording.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from json import dumps as json_dumps
from json import loads as json_loads
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store.atomic import staged
from affectssm.store.faults import Fault
from affectssm.store.ids import check_id

CHUNK_BYTES = 32 * 1024


@dataclass(frozen=True)
class Track:
    """A feature of one participant in one recording.

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
    """The size of a track: rows T, dimension D, nominal rate in Hz."""

    rows: int
    dim: int
    rate: float


def _put(group: h5py.Group, track: Track) -> None:
    rows, dim = track.value.shape
    height = max(1, min(max(rows, 1), CHUNK_BYTES // max(1, dim * track.value.itemsize)))
    group.create_dataset("value", data=track.value, chunks=(height, dim) if rows and dim else None)
    group.create_dataset("time", data=np.asarray(track.time, np.float64))
    group.create_dataset("valid", data=np.asarray(track.valid, bool))
    group.attrs["rate"] = float(track.rate)


def _check(path: Path | str, name: str, group: h5py.Group) -> None:
    value, time, valid = group["value"], group["time"][:], group["valid"][:]
    problem = None
    if value.ndim != 2 or not len(value) == len(time) == len(valid):
        problem = f"shapes value {value.shape}, time {time.shape}, valid {valid.shape}"
    elif len(time) > 1 and not np.all(np.diff(time) > 0):
        problem = "times that do not increase"
    elif not np.isfinite(time).all():
        problem = "times that are not finite"
    else:
        height = max(1, (1 << 24) // max(1, value.shape[1] * value.dtype.itemsize))
        if not all(np.isfinite(value[at : at + height]).all() for at in range(0, len(value), height)):
            problem = "values that are not finite"
    if problem:
        raise DataError(path, f"{name} with {problem}", "T rows each, finite, times increasing", "report this extractor")


class ResumableShard:
    """A feature file in the making: one part a recording, merged at the end.

    A part counts as done only if its card id and the hash of the recording's inputs are today's.
    """

    def __init__(self, path: Path | str, card: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.card = dict(card)
        self.parts = self.path.with_name(self.path.name + ".parts")
        self._written: list[str] = []

    def _part(self, recording: str) -> Path:
        return self.parts / f"{check_id(recording, 'recording')}.h5"

    def done(self, recording: str, content: str) -> bool:
        """Whether ``recording`` was finished before with this card and these inputs; if so it counts for the merge."""
        part = self._part(recording)
        if not part.is_file():
            return False
        try:
            with h5py.File(part, "r", locking=False) as file:
                same = file.attrs.get("card_id") == self.card["id"] and file.attrs.get("content") == content
        except OSError:
            same = False
        if same:
            self._written.append(recording)
        return bool(same)

    def write(
        self, recording: str, content: str, tracks: Mapping[str, Track], faults: Iterable[Fault] = ()
    ) -> None:
        """Write one recording's tracks, by participant, and what was wrong with it."""

        def validate(written: Path) -> None:
            with h5py.File(written, "r", locking=False) as file:
                for participant in file:
                    _check(self.path, f"{recording}/{participant}", file[participant])

        with staged(self._part(recording), validate) as temporary, h5py.File(temporary, "w", locking=False) as file:
            file.attrs["card_id"] = self.card["id"]
            file.attrs["content"] = content
            file.attrs["faults"] = json_dumps([asdict(fault) for fault in faults])
            for participant, track in tracks.items():
                _put(file.create_group(check_id(participant, "participant")), track)
        self._written.append(recording)

    def finish(self) -> list[Fault]:
        """Merge the parts into the final file, remove them and return all faults."""
        faults: list[Fault] = []

        def validate(written: Path) -> None:
            with ShardReader(written) as reader:
                expected = {name for name in self._written if name in reader.recordings}
                if expected != set(self._written):
                    missing = sorted(set(self._written) - expected)
                    raise DataError(self.path, f"without {missing}", "every recording of the shard", "run again")

        with staged(self.path, validate) as temporary, h5py.File(temporary, "w", locking=False) as file:
            file.attrs["card"] = cards.dumps(self.card)
            for recording in sorted(set(self._written)):
                with h5py.File(self._part(recording), "r", locking=False) as part:
                    group = file.create_group(recording)
                    group.attrs["content"] = part.attrs["content"]
                    faults.extend(Fault(**row) for row in json_loads(part.attrs["faults"]))
                    for participant in part:
                        part.copy(participant, group)
        shutil.rmtree(self.parts, ignore_errors=True)
        return faults


class ShardReader:
    """Reads a feature file; opened at the first use, without locking, so that many processes can."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: h5py.File | None = None

    def __enter__(self) -> ShardReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_file": None}

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def file(self) -> h5py.File:
        """The open file.

        Raises:
            DataError: if it is absent or not HDF5.
        """
        if self._file is None:
            try:
                self._file = h5py.File(self.path, "r", locking=False)
            except OSError as error:
                raise DataError(
                    self.path, f"not readable as HDF5: {error}", "a finished feature file", "delete it and run again"
                ) from error
        return self._file

    @property
    def card(self) -> dict[str, Any]:
        """The card the file carries."""
        return json_loads(self.file.attrs["card"])

    @property
    def recordings(self) -> list[str]:
        """The recordings, also those in which nothing could be extracted."""
        return list(self.file)

    def keys(self) -> list[tuple[str, str]]:
        """Return (recording, participant) of every track, sorted."""
        return [(recording, participant) for recording in self.file for participant in self.file[recording]]

    def __contains__(self, key: tuple[str, str]) -> bool:
        return "/".join(key) in self.file

    def info(self, recording: str, participant: str) -> TrackInfo:
        """Return the size of a track without reading it."""
        group = self.file[recording][participant]
        rows, dim = group["value"].shape
        return TrackInfo(rows, dim, float(group.attrs["rate"]))

    def track(self, recording: str, participant: str, start: int | None = None, stop: int | None = None) -> Track:
        """Return rows ``start`` to ``stop`` of a track."""
        group = self.file[recording][participant]
        rows = slice(start, stop)
        return Track(group["value"][rows], group["time"][rows], group["valid"][rows], float(group.attrs["rate"]))
