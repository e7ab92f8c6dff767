"""How a feature file is written: rows in tables, an index of the tracks beside them.

``tables/{type}x{D}`` holds all tracks of one type and dimension one after the other: ``value`` (T, D), ``time`` (T,)
float64 and ``valid`` (T,) uint8, 1 or 0 (HDF5 has no booleans, and what h5py has instead is read ten times slower).
``tracks`` has a row a track, sorted: ``recording`` (its number in ``recordings``), ``participant``, ``table``,
``first`` row, ``rows`` and ``rate``. ``recordings`` has ``id`` and ``content``, the hash of what a recording was made
of, also of recordings without a track. ``faults`` has ``recording`` and ``fault`` (JSON). The card is the attribute
``card``. So a file costs little for each recording, and no id becomes the name of anything.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from json import dumps as json_dumps
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from affectssm.store import card as cards
from affectssm.store.column import Column
from affectssm.store.faults import Fault
from affectssm.store.track import Track

RESERVE_BYTES = 16 << 20
_TEXT = h5py.string_dtype()


@contextmanager
def created(path: Path) -> Iterator[h5py.File]:
    """Open a new HDF5 file for writing; a write that fails when the file is closed is an OSError like any other."""
    try:
        with h5py.File(path, "w", locking=False) as file:
            yield file
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None  # what failed first; closing failed for the same reason
        if "write failed" not in str(error) and "unable to extend" not in str(error):
            raise
        raise OSError("the disk took no more data") from error


@contextmanager
def created_in_memory(path: Path) -> Iterator[h5py.File]:
    """Make a new HDF5 file in memory and write it at once: quicker, and HDF5 never meets a full disk."""
    with h5py.File(path, "w", driver="core", backing_store=False, block_size=1 << 20) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    path.write_bytes(image)


def need_room(folder: Path, size: int) -> None:
    """Raise an OSError before HDF5 runs into a full disk, which it reports once for every chunk it still holds."""
    if shutil.disk_usage(folder).free < size + RESERVE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@cache
def table_of(dim: int, dtype: np.dtype) -> str:
    """Return the name of the table that holds tracks of a dimension and type."""
    return f"{dtype.name}x{dim}"


class ShardWriter:
    """Writes a feature file: one recording after another, in it one participant after another.

    Args:
        file: a new file.
        sizes: table -> rows, where they are known; those tables are one stretch each, others are chunked.
    """

    def __init__(self, file: h5py.File, sizes: Mapping[str, int] | None = None) -> None:
        self.contents: dict[str, str] = {}
        self._file, self._sizes = file, sizes or {}
        self._tables: dict[str, _Table] = {}
        # (recording, participant) -> table, first row, rows, rate
        self._tracks: dict[tuple[str, str], tuple[str, int, int, float]] = {}
        self._faults: list[tuple[str, str]] = []
        file.create_group("tables")

    def begin(self, recording: str, content: str) -> None:
        """Begin a recording; what is appended from now on is its."""
        if recording in self.contents:
            raise ValueError(f"{recording} a second time")
        self._recording = recording
        self.contents[recording] = content

    def append(self, participant: str, block: Track) -> None:
        """Append rows to a participant's track; the arrays must not change before the file is closed."""
        key, dim = (self._recording, participant), block.value.shape[1]
        name = table_of(dim, block.value.dtype)
        if name not in self._tables:
            group = self._file["tables"].create_group(name)
            self._tables[name] = _Table(group, dim, block.value.dtype, self._sizes.get(name))
        table = self._tables[name]
        held, first, rows, rate = self._tracks.setdefault(key, (name, table.rows, 0, float(block.rate)))
        if held != name or rate != block.rate or first + rows != table.rows:
            raise ValueError(f"a block that does not continue the track {key}")
        table.append(block)
        self._tracks[key] = name, first, rows + len(block.time), rate

    def discard(self, participant: str) -> None:
        """Take back what was appended for the participant who came last."""
        found = self._tracks.pop((self._recording, participant), None)
        if found is not None:
            name, first, rows, _ = found
            self._tables[name].cut(first, rows)

    def add_faults(self, faults: Iterable[Fault]) -> None:
        """Add what was wrong with the recording."""
        self._faults += [(self._recording, json_dumps(asdict(fault))) for fault in faults]

    def close(self, card: Mapping[str, Any]) -> None:
        """Write the rows that are still held, the index and the card."""
        for table in self._tables.values():
            table.flush()
        names = sorted(self.contents)
        number = {name: at for at, name in enumerate(names)}
        tracks = sorted(self._tracks.items())
        columns: dict[str, tuple[list, Any]] = {
            "recordings/id": (names, _TEXT),
            "recordings/content": ([self.contents[name] for name in names], _TEXT),
            "tracks/recording": ([number[recording] for (recording, _), _ in tracks], np.int32),
            "tracks/participant": ([participant for (_, participant), _ in tracks], _TEXT),
            "tracks/table": ([place[0] for _, place in tracks], _TEXT),
            "tracks/first": ([place[1] for _, place in tracks], np.int64),
            "tracks/rows": ([place[2] for _, place in tracks], np.int64),
            "tracks/rate": ([place[3] for _, place in tracks], np.float64),
            "faults/recording": ([number[recording] for recording, _ in self._faults], np.int32),
            "faults/fault": ([fault for _, fault in self._faults], _TEXT),
        }
        for path, (column, kind) in columns.items():
            self._file.create_dataset(path, data=column, shape=(len(column),), dtype=kind)
        self._file.attrs["card"] = cards.dumps(card)


class _Table:
    """All tracks of one dimension and type."""

    def __init__(self, group: h5py.Group, dim: int, dtype: np.dtype, size: int | None) -> None:
        self.rows = 0
        self._size = size
        self._columns = {
            "value": Column(group, "value", (dim,), dtype, size),
            "time": Column(group, "time", (), np.float64, size),
            "valid": Column(group, "valid", (), np.uint8, size),
        }

    def append(self, block: Track) -> None:
        self.rows += len(block.time)
        for name, column in self._columns.items():
            column.append(getattr(block, name))

    def flush(self) -> None:
        for column in self._columns.values():
            column.flush()

    def cut(self, first: int, rows: int) -> None:
        """Take back the last ``rows`` rows, which begin at ``first``."""
        if self._size is not None or first + rows != self.rows:
            raise ValueError("only what came last can be taken back")
        self.rows = first
        for column in self._columns.values():
            column.cut(first)
