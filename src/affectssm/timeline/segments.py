"""Reads segments: an index over all shards of some corpora, their values, and scaling learnt on some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from affectssm.errors import DataError
from affectssm.store.parquet import read_parquet
from affectssm.timeline.segment_format import VALID, VALUE, SegmentFormat

BLOCK = 256  # segments held at a time while scaling is learnt
FLOOR = 1e-6  # deviations below this share of the mean are a channel that stands still


@dataclass(frozen=True)
class SegmentIndex:
    """The index of segments, (N,) a column; ``file`` is the number of the shard's file, ``row`` a segment's in it.

    Attributes:
        key: (N,) objects: (corpus, group, item), what must never lie on both sides of a fold.
        number: of a segment in its item.
        there: modality -> (N,) bool.
        labels: name -> (N,) float32, NaN where there is none.
        words: name -> (N,) objects, of the format's further columns.
    """

    key: np.ndarray
    number: np.ndarray
    start_s: np.ndarray
    file: np.ndarray
    row: np.ndarray
    shard: np.ndarray
    there: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    words: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.row)

    def rows_of(self, items: Iterable[tuple[str, str, str]]) -> np.ndarray:
        """Return the rows of the segments of some items, rising."""
        wanted = set(items)
        return np.array([at for at, key in enumerate(self.key) if key in wanted], np.int64)


class SegmentStore:
    """The segments of some shards.

    Args:
        files: the shards' ``.h5`` files; each index lies beside it as ``.parquet``.
        kept: how they are kept.

    Raises:
        DataError: if there is none, or shards differ in channels or length.
    """

    def __init__(self, files: Sequence[Path], kept: SegmentFormat) -> None:
        if not files:
            raise DataError("segments", "no file", "at least one shard", "make the segments first")
        self.files, self.format = [Path(file) for file in files], kept
        self._open: dict[int, h5py.File] = {}
        tables = [read_parquet(file.with_suffix(".parquet")).to_pydict() for file in self.files]
        self.index = _joined(tables, kept)
        self.shapes = self._shapes()

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": {}}

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities there are, in the order models see them."""
        return tuple(self.shapes)

    def values(self, modality: str, numbers: np.ndarray) -> np.ndarray:
        """Return segments (N, C, L) float32 by their rows in the index, in the order given."""
        numbers = np.asarray(numbers, np.int64)
        out = np.zeros((len(numbers), *self.shapes[modality]), np.float32)
        self._gather(out, modality, VALUE, numbers)
        return out

    def valid(self, modality: str, numbers: np.ndarray) -> np.ndarray:
        """Return (N, L) bool: the samples of segments that count; all of a segment that has the modality, where the
        shards do not keep it."""
        numbers = np.asarray(numbers, np.int64)
        there = self.index.there[modality][numbers]
        out = np.repeat(there[:, None], self.shapes[modality][1], axis=1)
        self._gather(out, modality, VALID, numbers)
        return out

    def _gather(self, out: np.ndarray, modality: str, what: str, numbers: np.ndarray) -> None:
        """Write what the shards hold of some segments into their places."""
        for file in np.unique(self.index.file[numbers]):
            held = self._file(int(file))
            if modality not in held or what not in held[modality]:
                continue
            mine = np.flatnonzero(self.index.file[numbers] == file)
            rows, back = np.unique(self.index.row[numbers[mine]], return_inverse=True)
            out[mine] = _gathered(held[modality][what], rows)[back]

    def shapes_of(self, modalities: Sequence[str]) -> tuple[dict[str, int], int]:
        """Return channels C of every modality, in the order given, and samples L a segment.

        Raises:
            DataError: if the segments lack one.
        """
        if lacking := [name for name in modalities if name not in self.shapes]:
            raise DataError(
                self.files[0],
                f"no {', '.join(lacking)}",
                f"segments of {', '.join(modalities)}",
                "mend the modalities of the configuration",
            )
        return {name: self.shapes[name][0] for name in modalities}, self.shapes[modalities[0]][1]

    def close(self) -> None:
        """Close the files; the next use opens them again."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _file(self, number: int) -> h5py.File:
        if number not in self._open:
            self._open[number] = h5py.File(self.files[number], "r", locking=False)
        return self._open[number]

    def _shapes(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for number, path in enumerate(self.files):
            for kind in self._file(number):
                shape = self._file(number)[kind][VALUE].shape[1:]
                if found.setdefault(kind, shape) != shape:
                    raise DataError(
                        path, f"{kind} of shape {shape}", f"{found[kind]}", "make the segments again"
                    )
        self.close()
        return {kind: found[kind] for kind in self.format.modalities if kind in found}


@dataclass(frozen=True)
class ChannelScaler:
    """Mean and deviation of every channel, (C, 1) a modality, of the segments it was learnt on alone."""

    mean: Mapping[str, np.ndarray]
    std: Mapping[str, np.ndarray]

    @classmethod
    def learn(
        cls, store: SegmentStore, numbers: np.ndarray, modalities: Iterable[str] | None = None
    ) -> ChannelScaler:
        """Return the scaler of some segments (the training fold's); samples that are not valid do not count for it."""
        kinds = store.modalities if modalities is None else modalities
        moments = {kind: _moments(store, kind, np.asarray(numbers, np.int64)) for kind in kinds}
        return cls({k: mean for k, (mean, _) in moments.items()}, {k: std for k, (_, std) in moments.items()})

    def apply(self, modality: str, values: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Return standardised segments (N, C, L) float32, zeros where the modality is not there."""
        scaled = (values - self.mean[modality]) / self.std[modality]
        return np.where(there[:, None, None], scaled, 0).astype(np.float32)


def _moments(store: SegmentStore, modality: str, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population deviation, merged over blocks (Chan, Golub and LeVeque 1979)."""
    channels, _ = store.shapes[modality]
    count, mean, square = 0, np.zeros(channels), np.zeros(channels)
    kept = np.sort(numbers[store.index.there[modality][numbers]])
    for at in range(0, len(kept), BLOCK):
        block = store.values(modality, kept[at : at + BLOCK]).astype(np.float64)
        valid = store.valid(modality, kept[at : at + BLOCK])
        size = int(valid.sum())
        if size == 0:
            continue
        where: Any = True if valid.all() else valid[:, None]  # all of them: summed as ever, to the last bit
        part = block.mean(axis=(0, 2), where=where)
        shift, total = part - mean, count + size
        square += ((block - part[:, None]) ** 2).sum(axis=(0, 2), where=where) + shift**2 * (
            count * size / total
        )
        mean += shift * (size / total)
        count = total
    std = np.sqrt(square / max(count, 1))
    std[std <= FLOOR * np.maximum(1.0, abs(mean))] = 1.0
    return mean[:, None], std[:, None]


def _gathered(value: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Rows (rising, each once) of a dataset; what lies together is read together."""
    parts = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    return np.concatenate([value[part[0] : part[-1] + 1] for part in parts])


def _joined(tables: Sequence[Mapping[str, list]], kept: SegmentFormat) -> SegmentIndex:
    def column(name: str, kind: type) -> np.ndarray:
        return np.array([value for table in tables for value in table[name]], kind)

    def there(kind: str) -> np.ndarray:
        # segments know the modalities there were when they were cut: of one that is new they hold nothing
        return np.array(
            [value for table in tables for value in table.get(kind, [False] * len(table["row"]))], bool
        )

    keys = [key for table in tables for key in zip(*(table[name] for name in kept.key), strict=True)]
    key = np.empty(len(keys), object)
    key[:] = keys
    return SegmentIndex(
        key=key,
        number=column(kept.number, np.int64),
        start_s=column("start_s", np.float64),
        file=np.repeat(np.arange(len(tables)), [len(table["row"]) for table in tables]),
        row=column("row", np.int64),
        shard=column("shard", object),
        there={kind: there(kind) for kind in kept.modalities},
        labels={name: column(name, np.float32) for name in kept.labels},
        words={name: column(name, object) for name in kept.words},
    )
