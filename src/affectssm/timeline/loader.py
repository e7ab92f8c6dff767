"""Batches of windows: which windows a step sees, and their rows, frames and labels."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from affectssm.corpora.manifest import is_test_split
from affectssm.errors import DataError
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.index import WindowIndex, read_windows
from affectssm.timeline.scaler import Scaler
from affectssm.timeline.sources import CachedFeature, Clocks, Source, StoredFeature, cache_bytes
from affectssm.timeline.tracks import Key, TrackFiles, files_by_corpus

Shards = Mapping[str, Sequence[Path]]  # corpus -> files
CACHE_BYTES = 2 << 30


class WindowDataset(Dataset):
    """Windows of an index with their features and labels. ``dataset[numbers]`` is a :class:`NativeBatch`.

    ``torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True)`` yields batches of 32 windows as it is: they
    are gathered at once, and ``batch.interpolate(scaler)`` has their frames. :func:`open_windows` finds the files.

    Args:
        index: the windows.
        features: feature -> corpus -> its HDF5 files.
        labels: corpus -> files of the label feature (several label features may be mixed); None leaves all
            labels invalid, as prediction does.
        dims: columns of each feature where the windows themselves may have none of it; must agree where they
            do.
        cache_bytes: the features are held in memory if they fit in this, else read window by window.
        held: features whose rows count even where they are not valid: the last valid row, carried forward.

    Attributes:
        dims: columns of each feature.
        cached: whether the features are in memory.
        paths: the files of features and labels.

    Raises:
        DataError: if a recording of the index is in none of a feature's files, or columns differ.
    """

    def __init__(
        self,
        index: WindowIndex,
        features: Mapping[str, Shards],
        labels: Shards | None = None,
        dims: Mapping[str, int] | None = None,
        cache_bytes: int = CACHE_BYTES,
        held: Collection[str] = (),
    ) -> None:
        self.index = index
        self._keys = sorted({(t.corpus, t.recording, seat) for t in index.targets for seat in t.seats})
        self._track, self._seats = _seat_table(index, self._keys)
        self._clock_frames = np.array([target.clock_frames for target in index.targets], np.int64)
        self.paths = [
            path for one in (*features.values(), labels or {}) for own in one.values() for path in own
        ]
        self.files = {name: TrackFiles(name, shards, self._keys) for name, shards in features.items()}
        self.dims = {name: _dim(name, files, dims) for name, files in self.files.items()}
        self.cached, self._sources = self._open(cache_bytes, held)
        self._label, self._label_valid, self._label0 = self._read_labels(labels)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, numbers: int | Sequence[int] | np.ndarray) -> NativeBatch:
        """Gather the windows with these numbers, in this order."""
        window = np.atleast_1d(np.asarray(numbers, np.int64))
        target, start = self.index.target[window], self.index.start[window].astype(np.int64)
        seats = int(self._seats[target].max())
        track = self._track[target, :seats].T  # (S, B)
        position = start[:, None] + np.arange(self.index.length)
        inside = (position >= 0) & (position < self._clock_frames[target][:, None])
        rows, index, phase, valid = {}, {}, {}, {}
        for name, source in self._sources.items():
            found = source.gather(track.reshape(-1), np.tile(start, seats), self.index.length)
            rows[name] = torch.from_numpy(found.rows).unflatten(0, track.shape)
            index[name] = torch.from_numpy(found.index).unflatten(0, track.shape)
            phase[name] = torch.from_numpy(found.phase).unflatten(0, track.shape)
            valid[name] = torch.from_numpy(found.valid).unflatten(0, track.shape) & torch.from_numpy(inside)
        label, label_valid = self._labels_of(window, target)
        return NativeBatch(
            rows=rows,
            index=index,
            phase=phase,
            valid=valid,
            partner_present=torch.from_numpy(np.arange(1, seats) < self._seats[target][:, None]),
            frame_valid=torch.from_numpy(inside),
            label=torch.from_numpy(label),
            label_valid=torch.from_numpy(label_valid),
            window=torch.from_numpy(window),
        )

    def __getitems__(self, numbers: Sequence[int]) -> list[NativeBatch]:
        """Gather a whole batch at once: what a DataLoader asks for before it collates."""
        return [self[numbers]]

    def label_track(self, target: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels of a target by its number: (T,) float32, or (T, columns), and valid (T,)."""
        begin = self._label0[target]
        own = slice(begin, begin + self.index.targets[target].label_frames)
        return _columns(self._label[own]), self._label_valid[own]

    def scaler(self) -> Scaler:
        """Return the scaler fitted on every track of these windows, targets and partners."""
        return Scaler.fit(self.files, self.dims)

    def _open(self, limit: int, held: Collection[str]) -> tuple[bool, dict[str, Source]]:
        frames: dict[Key, int] = {}
        clock_hz: dict[Key, float] = {}
        for target in self.index.targets:
            for seat in target.seats:
                key = (target.corpus, target.recording, seat)
                frames[key] = max(frames.get(key, 0), target.clock_frames)
                clock_hz[key] = target.label_hz * self.index.per_label
        cached = sum(cache_bytes(files, frames) for files in self.files.values()) <= limit
        kind = CachedFeature if cached else StoredFeature
        sources: dict[str, Source] = {
            name: kind(files, Clocks(self._keys, frames, clock_hz), self.dims[name], name in held)
            for name, files in self.files.items()
        }
        for files in self.files.values():
            files.close()
        return cached, sources

    def _read_labels(self, shards: Shards | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels of all targets one after the other: value (N, columns), valid (N,), and where each target begins."""
        columns = len(self.index.frames.columns)
        length = np.array([target.label_frames for target in self.index.targets], np.int64)
        begin = np.cumsum(length) - length
        value, valid = np.zeros((length.sum(), columns), np.float32), np.zeros(length.sum(), bool)
        keys = [(target.corpus, target.recording, target.participant) for target in self.index.targets]
        files = TrackFiles("label", shards or {}, keys, complete=False)
        for key, target, first, count in zip(keys, self.index.targets, begin, length, strict=True):
            if key in files.info:
                track = files.track(key)
                frame = np.round(track.time * target.label_hz - 0.5).astype(np.int64)
                use = track.valid & (frame >= 0) & (frame < count)
                value[first + frame[use]] = track.value[use, :columns]
                valid[first + frame[use]] = True
        files.close()
        return value, valid, begin

    def _labels_of(self, window: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the windows' centres: (B, F) float32, of several columns (B, F, columns), and (B, F) bool."""
        frame = self.index.label_frames(window)
        inside = frame < self._clock_frames[target][:, None] // self.index.per_label
        place = np.where(inside, self._label0[target][:, None] + frame, 0)
        valid = inside & self._label_valid[place]
        label = np.where(valid[..., None], self._label[place], np.float32(0))
        return _columns(label), valid


def _columns(label: np.ndarray) -> np.ndarray:
    """Labels (..., columns); (...) of a single column."""
    return label[..., 0] if label.shape[-1] == 1 else label


def open_windows(
    windows: WindowIndex | Path | str,
    folders: Iterable[Path | str],
    features: Iterable[str],
    dims: Mapping[str, int] | None = None,
    cache_bytes: int = CACHE_BYTES,
    held: Collection[str] = (),
) -> WindowDataset:
    """Return windows with some features and their labels, never those of test parts.

    Args:
        windows: an index, or its file, ``results/windows/{task}/{part}.parquet``.
        folders: ``results/features/{corpus}-{edition}`` of each corpus.
        features: their names.
        dims, cache_bytes, held: as of :class:`WindowDataset`.

    Raises:
        DataError: if a feature file is missing.
    """
    index = windows if isinstance(windows, WindowIndex) else read_windows(windows)
    places = [Path(folder) for folder in folders]
    read = {name: files_by_corpus(places, name, index) for name in features}
    open_splits = index.select(lambda target: not is_test_split(target.split))
    labels = files_by_corpus(places, index.frames.label, open_splits)
    _require_files([path for one in (*read.values(), labels) for own in one.values() for path in own])
    return WindowDataset(index, read, labels, dims, cache_bytes, held)


def _require_files(paths: Sequence[Path]) -> None:
    """Refuse files that are gone: a finished table is not made anew because of them, so nobody was told."""
    gone = [str(path) for path in paths if not path.is_file()]
    if gone:
        raise DataError(
            gone[0],
            f"{len(gone)} of {len(paths)} feature files are not there",
            "all that the windows were cut from",
            f"make them again: snakemake --cores 8 {shlex.join(gone)} (and the --configfile they were made with)",
        )


def _seat_table(index: WindowIndex, keys: Sequence[Key]) -> tuple[np.ndarray, np.ndarray]:
    """Track numbers of each target's seats (targets, most seats), padded with len(keys), and their counts."""
    number = {key: position for position, key in enumerate(keys)}
    seats = np.array([len(target.seats) for target in index.targets], np.int64)
    track = np.full((len(seats), seats.max(initial=1)), len(keys), np.int64)
    for row, target in enumerate(index.targets):
        track[row, : seats[row]] = [number[target.corpus, target.recording, seat] for seat in target.seats]
    return track, seats


def _dim(name: str, files: TrackFiles, dims: Mapping[str, int] | None) -> int:
    given = None if dims is None else dims[name]
    if files.dim is None and given is None:
        raise DataError(name, "no track with rows", "at least one", "look into the feature's fault table")
    if files.dim is not None and given is not None and files.dim != given:
        raise DataError(
            name,
            f"{files.dim} columns",
            f"{given}, as in training",
            "leave out the corpus, or train on it as well",
        )
    return files.dim or given or 0


@lru_cache(maxsize=2)
def _permutation(windows: int, seed: int, number: int) -> np.ndarray:
    return np.random.default_rng([seed, number]).permutation(windows)


def batch_indices(windows: int, batch: int, seed: int, step: int) -> np.ndarray:
    """Return the windows of a step: (batch,) int64, a function of the arguments alone.

    Steps walk through one pass after the other, each a permutation of its own; a batch at the seam of two
    passes takes the rest of one and the beginning of the next, so that every batch is full and every pass
    complete.

    Raises:
        ValueError: if there are no windows.
    """
    if windows < 1:
        raise ValueError("no windows to draw from")
    position = step * batch + np.arange(batch)
    number, place = np.divmod(position, windows)
    return np.concatenate(
        [_permutation(windows, seed, int(n))[place[number == n]] for n in np.unique(number)]
    )


def make_loader(
    dataset: WindowDataset, batches: Iterable[Sequence[int] | np.ndarray], workers: int = 0
) -> DataLoader:
    """Return a loader that yields one :class:`NativeBatch` for each element of ``batches``, in order.

    Each worker opens the feature files by itself; a cache is shared with workers that are forked.
    """
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=batches,
        num_workers=workers,
        collate_fn=_as_it_is,
        persistent_workers=False,
    )


def _as_it_is(batch: Any) -> Any:
    return batch


def in_order(windows: int, batch: int) -> list[np.ndarray]:
    """Return all windows once, in order, in batches; the last may be short."""
    return np.array_split(np.arange(windows), range(batch, windows, batch)) if windows else []
