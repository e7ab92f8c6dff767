"""Reading a feature file: a track is found by its names in the index and cut out of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from json import loads as json_loads
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from affectssm.errors import DataError
from affectssm.store.code import STORED
from affectssm.store.faults import Fault
from affectssm.store.track import Track, TrackInfo, check_track, pieces

MOST_OPEN = 64


@dataclass(frozen=True)
class _Place:
    """Where a track lies."""

    table: str
    first: int
    info: TrackInfo


@dataclass(frozen=True)
class _Index:
    """What a file holds: recording -> content; recording -> participant -> place."""

    contents: dict[str, str]
    tracks: dict[str, dict[str, _Place]]


class ShardReader:
    """Reads a feature file; opened at the first use, without locking, so that many processes can."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: h5py.File | None = None
        self._known: _Index | None = None
        self._faults: dict[str, list[Fault]] | None = None
        self._tables: dict[str, tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset]] = {}

    def __enter__(self) -> ShardReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple:
        return type(self), (self.path,)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._file is not None:
            self._file.close()
        self._file, self._known, self._faults, self._tables = None, None, None, {}

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
                raise self._unreadable(f"not readable as HDF5: {error}") from error
        return self._file

    def _unreadable(self, found: str) -> DataError:
        return DataError(
            self.path, found, f"a finished feature file of format {STORED}", "delete it and run again"
        )

    @property
    def _index(self) -> _Index:
        if self._known is None:
            try:
                self._known = _read_index(self.file)
            except (KeyError, IndexError, ValueError, OSError, RuntimeError) as error:
                raise self._unreadable(f"no index that can be read: {error}") from error
        return self._known

    @property
    def card(self) -> dict[str, Any]:
        """The card the file carries."""
        return json_loads(self.file.attrs["card"])

    @property
    def contents(self) -> Mapping[str, str]:
        """Recording -> the hash of what it was made of."""
        return self._index.contents

    @property
    def recordings(self) -> list[str]:
        """The recordings, also those in which nothing could be extracted; sorted."""
        return list(self.contents)

    def keys(self) -> list[tuple[str, str]]:
        """Return (recording, participant) of every track, sorted."""
        return [(recording, name) for recording, people in self._index.tracks.items() for name in people]

    def participants(self, recording: str) -> list[str]:
        """Return the participants of a recording who have a track, sorted."""
        return list(self._index.tracks[recording])

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key[1] in self._index.tracks.get(key[0], {})

    def faults(self, recording: str) -> list[Fault]:
        """Return what was wrong with a recording."""
        if self._faults is None:
            names, self._faults = list(self.contents), {name: [] for name in self.contents}
            numbers = self.file["faults/recording"][:].tolist()
            for number, text in zip(numbers, self.file["faults/fault"].asstr()[:], strict=True):
                self._faults[names[number]].append(Fault(**json_loads(text)))
        return self._faults[recording]

    def info(self, recording: str, participant: str) -> TrackInfo:
        """Return the size of a track without reading it."""
        return self._index.tracks[recording][participant].info

    def _rows(
        self, recording: str, participant: str, start: int | None, stop: int | None
    ) -> tuple[tuple[h5py.Dataset, h5py.Dataset, h5py.Dataset], slice]:
        """The datasets that a track lies in, and where rows ``start`` to ``stop`` of it lie there."""
        place = self._index.tracks[recording][participant]
        start, stop, _ = slice(start, stop).indices(place.info.rows)
        if place.table not in self._tables:
            group = self.file["tables"][place.table]
            self._tables[place.table] = group["value"], group["time"], group["valid"]
        return self._tables[place.table], slice(place.first + start, place.first + max(start, stop))

    def track(
        self, recording: str, participant: str, start: int | None = None, stop: int | None = None
    ) -> Track:
        """Return rows ``start`` to ``stop`` of a track."""
        (value, time, valid), rows = self._rows(recording, participant, start, stop)
        return Track(
            value[rows], time[rows], valid[rows].astype(bool), self.info(recording, participant).rate
        )

    def times(self, recording: str, participant: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the times (T,) float64 and valid (T,) bool of a track, without its values."""
        (_, time, valid), rows = self._rows(recording, participant, None, None)
        return time[rows], valid[rows].astype(bool)

    def values(
        self, recording: str, participant: str, start: int | None = None, stop: int | None = None
    ) -> np.ndarray:
        """Return rows ``start`` to ``stop`` of a track's values: (stop - start, D)."""
        (value, _, _), rows = self._rows(recording, participant, start, stop)
        return value[rows]

    def check(self, path: Path | str) -> None:
        """Refuse a file of which a track is not what it must be; messages name ``path``.

        Raises:
            DataError: as :func:`affectssm.store.track.check_track`.
        """
        for recording, participant in self.keys():
            after = -np.inf
            for rows in pieces(self.info(recording, participant)):
                piece = self.track(recording, participant, rows.start, rows.stop)
                check_track(path, f"{recording}/{participant}", piece, after)
                after = piece.time[-1] if len(piece.time) else after


class OpenShards:
    """Feature files that are held open, some at a time."""

    def __init__(self) -> None:
        self._readers: dict[Path, ShardReader] = {}

    def __enter__(self) -> OpenShards:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getitem__(self, path: Path) -> ShardReader:
        if path not in self._readers:
            if len(self._readers) >= MOST_OPEN:
                self.close()
            self._readers[path] = ShardReader(path)
        return self._readers[path]

    def close(self) -> None:
        """Close all."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()


def _read_index(file: h5py.File) -> _Index:
    ids, contents = (file[f"recordings/{name}"].asstr()[:].tolist() for name in ("id", "content"))
    numbers, first, rows, rates = (
        file[f"tracks/{name}"][:].tolist() for name in ("recording", "first", "rows", "rate")
    )
    people, tables = (file[f"tracks/{name}"].asstr()[:].tolist() for name in ("participant", "table"))
    values = {name: file[f"tables/{name}/value"] for name in set(tables)}
    kinds = {name: (value.shape[1], value.dtype, len(value)) for name, value in values.items()}
    tracks: dict[str, dict[str, _Place]] = {name: {} for name in ids}
    for number, participant, table, at, count, rate in zip(
        numbers, people, tables, first, rows, rates, strict=True
    ):
        dim, dtype, held = kinds[table]
        if not 0 <= at <= at + count <= held:
            raise ValueError(f"rows {at} to {at + count} of a table of {held}")
        tracks[ids[number]][participant] = _Place(table, at, TrackInfo(count, dim, rate, dtype))
    return _Index(dict(zip(ids, contents, strict=True)), tracks)
