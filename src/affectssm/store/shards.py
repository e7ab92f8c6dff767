"""Feature files: frame-wise tracks of a shard's recordings, and their resumable making.

``{shard}.h5`` holds a group per recording and participant with ``value`` (T, D) at the native rate, ``time`` (T,) in
seconds (the centre of the signal each row summarises) and ``valid`` (T,). While a shard is being made, each finished
recording lies in a part file of its own beside it, so that a killed job goes on with the next recording.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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
RESERVE_BYTES = 16 << 20


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


@contextmanager
def _created(path: Path) -> Iterator[h5py.File]:
    """Open a new HDF5 file for writing; a write that fails when the file is closed is an OSError like any other."""
    try:
        with h5py.File(path, "w", locking=False) as file:
            yield file
    except RuntimeError as error:
        if "write failed" not in str(error):
            raise
        raise OSError("the disk took no more data") from error


def _need_room(path: Path, size: int) -> None:
    """Raise an OSError before HDF5 runs into a full disk, which it reports once for every chunk it still holds."""
    if shutil.disk_usage(path.parent).free < size + RESERVE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class PartWriter:
    """One recording in the making: blocks of rows are written as they come, so that no track is held whole.

    ``faults`` collects what was wrong with the recording.
    """

    def __init__(self, file: h5py.File) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._rows: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {}

    def append(self, participant: str, block: Track) -> None:
        """Append rows to a participant's track; all blocks of a track have one dimension, type and rate."""
        rows, dim = block.value.shape
        _need_room(Path(self._file.filename), block.value.nbytes)
        if participant not in self._rows:
            group = self._file.create_group(check_id(participant, "participant"))
            height = max(1, CHUNK_BYTES // max(1, dim * block.value.itemsize))
            group.create_dataset(
                "value", (0, dim), block.value.dtype, maxshape=(None, dim), chunks=(height, max(1, dim))
            )
            group.attrs["rate"] = float(block.rate)
            self._rows[participant] = ([], [])
        value = self._file[participant]["value"]
        value.resize(len(value) + rows, 0)
        value[len(value) - rows :] = block.value
        times, valids = self._rows[participant]
        times.append(np.asarray(block.time, np.float64))
        valids.append(np.asarray(block.valid, bool))

    def discard(self, participant: str) -> None:
        """Take back what was appended for a participant."""
        if self._rows.pop(participant, None) is not None:
            del self._file[participant]

    def close(self) -> None:
        """Write what was collected."""
        for participant, (times, valids) in self._rows.items():
            self._file[participant].create_dataset("time", data=np.concatenate(times))
            self._file[participant].create_dataset("valid", data=np.concatenate(valids))
        self._file.attrs["faults"] = json_dumps([asdict(fault) for fault in self.faults])


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
        raise DataError(
            path, f"{name} with {problem}", "T rows each, finite, times increasing", "report this extractor"
        )


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

    @contextmanager
    def recording(self, recording: str, content: str) -> Iterator[PartWriter]:
        """Yield a writer for one recording; the part is kept only if the block ends without an error."""

        def validate(written: Path) -> None:
            with h5py.File(written, "r", locking=False) as file:
                for participant in file:
                    _check(self.path, f"{recording}/{participant}", file[participant])

        with (
            staged(self._part(recording), validate) as temporary,
            _created(temporary) as file,
        ):
            file.attrs["card_id"] = self.card["id"]
            file.attrs["content"] = content
            writer = PartWriter(file)
            yield writer
            writer.close()
        self._written.append(recording)

    def write(
        self, recording: str, content: str, tracks: Mapping[str, Track], faults: Iterable[Fault] = ()
    ) -> None:
        """Write one recording's tracks, by participant, and what was wrong with it."""
        with self.recording(recording, content) as part:
            for participant, track in tracks.items():
                part.append(participant, track)
            part.faults.extend(faults)

    def finish(self) -> list[Fault]:
        """Merge the parts into the final file, remove them and return all faults.

        The final card's id also covers the contents of the recordings, so that whatever is made of the file notices.
        """
        faults: list[Fault] = []

        def validate(written: Path) -> None:
            with ShardReader(written) as reader:
                expected = {name for name in self._written if name in reader.recordings}
                if expected != set(self._written):
                    missing = sorted(set(self._written) - expected)
                    raise DataError(
                        self.path, f"without {missing}", "every recording of the shard", "run again"
                    )

        with staged(self.path, validate) as temporary, _created(temporary) as file:
            contents: dict[str, str] = {}
            _need_room(
                self.path, sum(self._part(recording).stat().st_size for recording in set(self._written))
            )
            for recording in sorted(set(self._written)):
                with h5py.File(self._part(recording), "r", locking=False) as part:
                    group = file.create_group(recording)
                    group.attrs["content"] = contents[recording] = part.attrs["content"]
                    faults.extend(Fault(**row) for row in json_loads(part.attrs["faults"]))
                    for participant in part:
                        part.copy(participant, group)
            card = self.card | {"extra": {**self.card["extra"], "contents": contents}}
            file.attrs["card"] = cards.dumps(card | {"id": cards.card_id(card)})
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
                    self.path,
                    f"not readable as HDF5: {error}",
                    "a finished feature file",
                    "delete it and run again",
                ) from error
        return self._file

    @property
    def card(self) -> dict[str, Any]:
        """The card the file carries."""
        return json_loads(self.file.attrs["card"])

    def content(self, recording: str) -> str:
        """Return the hash of what a recording was made of."""
        return str(self.file[recording].attrs["content"])

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

    def track(
        self, recording: str, participant: str, start: int | None = None, stop: int | None = None
    ) -> Track:
        """Return rows ``start`` to ``stop`` of a track."""
        group = self.file[recording][participant]
        rows = slice(start, stop)
        return Track(
            group["value"][rows], group["time"][rows], group["valid"][rows], float(group.attrs["rate"])
        )
