"""Finding and reading the tracks of one feature over the shards of several corpora."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from affectssm.errors import DataError
from affectssm.store import layout
from affectssm.store.shards import ShardReader, Track, TrackInfo
from affectssm.timeline.index import WindowIndex

Key = tuple[str, str, str]  # corpus, recording, participant


def files_by_corpus(folders: Iterable[Path], feature: str, index: WindowIndex) -> dict[str, list[Path]]:
    """The files of a feature that hold the recordings of an index: corpus -> paths.

    Raises:
        DataError: when a corpus of the index has no folder among ``folders``.
    """
    shards: dict[str, set[str]] = {}
    for target in index.targets:
        shards.setdefault(target.corpus, set()).add(target.shard)
    folder_of = {layout.corpus_of(folder): folder for folder in folders}
    absent = sorted(set(shards) - set(folder_of))
    if absent:
        raise DataError(
            "--features", f"no folder of {', '.join(absent)}", "one of each corpus", "add the folder"
        )
    return {
        corpus: [layout.track(folder_of[corpus], feature, shard) for shard in sorted(own)]
        for corpus, own in shards.items()
    }


class TrackFiles:
    """The tracks of one feature; files are opened at the first use in each process.

    Args:
        name: of the feature, for messages.
        shards: the feature's files by corpus.
        keys: the tracks that are wanted; those that do not exist are simply not in :attr:`info`.
        complete: whether each wanted recording must occur in a file (a recording in which nothing could be
            extracted does occur).

    Attributes:
        info: rows, dimension and rate of each track that exists and has rows.
        dim: columns of the feature; None where no track exists.
        dtype: type of the stored values, float16 or float32.

    Raises:
        DataError: if a recording is in none of the files, or dimensions differ between tracks.
    """

    def __init__(
        self, name: str, shards: Mapping[str, Sequence[Path]], keys: Iterable[Key], complete: bool = True
    ) -> None:
        self.name = name
        self._paths = {corpus: [Path(path) for path in paths] for corpus, paths in shards.items()}
        self._readers: dict[Path, ShardReader] = {}
        self._process = os.getpid()
        self._where: dict[Key, Path] = {}
        self.info: dict[Key, TrackInfo] = {}
        self.dim: int | None = None
        self.dtype = np.dtype(np.float32)
        self._find(list(keys), complete)
        self._check_same()
        self.close()

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_readers": {}}

    def _find(self, keys: list[Key], complete: bool) -> None:
        holders: dict[tuple[str, str], list[Path]] = {}
        for corpus, paths in self._paths.items():
            for path in paths:
                for recording in self._reader(path).recordings:
                    holders.setdefault((corpus, recording), []).append(path)
        for key in keys:
            corpus, recording, participant = key
            found = holders.get((corpus, recording), [])
            if complete and not found:
                raise DataError(
                    ", ".join(str(path) for path in self._paths.get(corpus, [])) or self.name,
                    f"no {self.name} of {corpus}/{recording}",
                    "every recording of the windows in a feature file of its corpus",
                    "pass all shards, and run the feature stage again if one is old",
                )
            for path in found:
                if (recording, participant) in self._reader(path):
                    info = self._reader(path).info(recording, participant)
                    if info.rows:
                        self._where[key], self.info[key] = path, info

    def _check_same(self) -> None:
        """Refuse tracks with other columns or types: a corpus may ship another version of a stream."""
        first: dict[tuple[int, str], Key] = {}
        for key, info in self.info.items():
            first.setdefault((info.dim, str(info.dtype)), key)
        if len(first) > 1:
            raise DataError(
                self.name,
                "; ".join(
                    f"{dim} columns of {kind} in {'/'.join(key)}" for (dim, kind), key in first.items()
                ),
                "the same columns and type everywhere",
                "leave out the corpus, or the feature",
            )
        if first:
            ((self.dim, kind),) = first
            self.dtype = np.dtype(kind)

    def _reader(self, path: Path) -> ShardReader:
        if self._process != os.getpid():  # handles do not survive a fork
            self._readers, self._process = {}, os.getpid()
        if path not in self._readers:
            self._readers[path] = ShardReader(path)
        return self._readers[path]

    def close(self) -> None:
        """Close all files; the next use opens them again."""
        for reader in self._readers.values():
            reader.close()

    def track(self, key: Key) -> Track:
        """Return a whole track that exists."""
        return self._reader(self._where[key]).track(*key[1:])

    def times(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """Return the times (T,) float64 and valid (T,) bool of a track that exists, without its values."""
        return self._reader(self._where[key]).times(*key[1:])

    def values(self, key: Key, start: int, stop: int) -> np.ndarray:
        """Return rows ``start`` to ``stop`` (at most T) of a track that exists: (stop - start, D)."""
        return self._reader(self._where[key]).values(*key[1:], start, stop)
