"""A dataset of an HDF5 file that is written row after row, some megabytes at a time."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from affectssm.store.track import PIECE_BYTES

CHUNK_BYTES = 32 * 1024


class Column:
    """A dataset of rows in the making.

    Args:
        group, name: where it lies.
        shape, dtype: of a row.
        rows: how many there will be, where that is known; then it is one stretch, else in chunks of some rows.
    """

    def __init__(
        self, group: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any, rows: int | None = None
    ) -> None:
        self.rows = 0
        self._fixed = rows is not None
        self._held: list[np.ndarray] = []
        self._bytes = 0
        height = max(1, CHUNK_BYTES // max(1, math.prod(shape) * np.dtype(dtype).itemsize))
        self._dataset = group.create_dataset(
            name,
            (rows or 0, *shape),
            dtype,
            maxshape=None if self._fixed else (None, *shape),
            chunks=None if self._fixed else (height, *shape),
        )

    def append(self, rows: np.ndarray) -> None:
        """Append rows; the array must not change before they are written."""
        self._held.append(rows)
        self.rows += len(rows)
        self._bytes += rows.nbytes
        if self._bytes >= PIECE_BYTES:
            self.flush()

    def skip(self, rows: int) -> None:
        """Append rows that are not written; they read as zeros."""
        self.flush()
        self.rows += rows
        self._resize()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            first = self.rows - sum(map(len, self._held))
            self._resize()
            self._dataset[first : self.rows] = np.concatenate(self._held)
        self._held, self._bytes = [], 0

    def cut(self, rows: int) -> None:
        """Take back all but the first rows, of a dataset in chunks."""
        self.flush()
        self.rows = rows
        self._resize()

    def _resize(self) -> None:
        if not self._fixed:
            self._dataset.resize(self.rows, 0)
