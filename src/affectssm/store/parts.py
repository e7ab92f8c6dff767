"""The rows of a feature, and how one recording's rows are written as they come."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from json import dumps as json_dumps
from pathlib import Path

import h5py
import numpy as np

from affectssm.errors import DataError
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


@contextmanager
def created(path: Path) -> Iterator[h5py.File]:
    """Open a new HDF5 file for writing; a write that fails when the file is closed is an OSError like any other."""
    try:
        with h5py.File(path, "w", locking=False) as file:
            yield file
    except RuntimeError as error:
        if "write failed" not in str(error):
            raise
        raise OSError("the disk took no more data") from error


def need_room(path: Path, size: int) -> None:
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
        need_room(Path(self._file.filename), block.value.nbytes)
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

    def copy(self, tracks: h5py.Group) -> None:
        """Copy the finished tracks of a recording, by participant."""
        for participant in tracks:
            need_room(Path(self._file.filename), tracks[participant]["value"].nbytes)
            tracks.copy(participant, self._file)

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


def check_track(path: Path | str, name: str, group: h5py.Group) -> None:
    value, time, valid = group["value"], group["time"][:], group["valid"][:]
    problem = None
    if value.ndim != 2 or not len(value) == len(time) == len(valid):
        problem = f"shapes value {value.shape}, time {time.shape}, valid {valid.shape}"
    elif len(time) > 1 and not np.all(np.diff(time) > 0):
        problem = "times that do not increase"
    elif not np.isfinite(time).all():
        problem = "times that are not finite"
    else:
        height = max(1, (1 << 22) // max(1, value.shape[1] * value.dtype.itemsize))
        if not all(np.isfinite(value[at : at + height]).all() for at in range(0, len(value), height)):
            problem = "values that are not finite"
    if problem:
        raise DataError(
            path, f"{name} with {problem}", "T rows each, finite, times increasing", "report this extractor"
        )
