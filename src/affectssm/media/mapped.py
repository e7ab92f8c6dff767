"""Arrays that lie in a file and are read row by row.

``numpy.memmap`` would do as well, but every page that was looked at counts as resident memory of the process until the
system wants it back. Rows that are read into memory of their own are gone with whoever asked for them.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.errors import DataError
from affectssm.store.files import open_regular


class BoundedFile:
    """A regular file that is read from its beginning, of which a bounded part is taken into memory.

    Attributes:
        position: of the next byte.
        size: in bytes, when it was opened.

    Args:
        path: the file.
        limit: bytes at most that :meth:`read` and :meth:`readline` return in all.

    Raises:
        OSError: as :func:`affectssm.store.files.open_regular`.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit
        self._file = open_regular(path)
        self.position, self._taken = 0, 0
        self.size = os.fstat(self._file.fileno()).st_size

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()

    def read(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            EOFError: if the file ends before.
            MemoryError: beyond the limit.
        """
        self._advance(count)
        self._take(count)
        return self._file.read(count)

    def readline(self) -> bytes:
        """Return the bytes up to the next line end; raises as :meth:`read`."""
        line = self._file.readline(self.limit - self._taken + 1)
        self._take(len(line))
        if not line.endswith(b"\n"):
            raise EOFError(f"the file ends at byte {self.size} within a line")
        self.position += len(line)
        return line

    def window(self, count: int) -> Window:
        """Return the next bytes as a window, and go on behind it.

        Raises:
            EOFError: if the file ends before.
        """
        found = Window(self, self.position, count)
        self._advance(count)
        self._file.seek(self.position)
        return found

    def read_into(self, target: np.ndarray, offset: int) -> None:
        """Fill an array, C-contiguous, from bytes that begin at an offset.

        Raises:
            DataError: if they are no longer there.
        """
        left = target.reshape(-1).view(np.uint8).data
        while left:
            count = os.preadv(self._file.fileno(), [left], offset)
            if not count:
                found = f"the file ends at byte {os.fstat(self._file.fileno()).st_size}, before an array does"
                raise DataError(self.path, found, f"{self.size} bytes, as before", "restore the file")
            left, offset = left[count:], offset + count

    def _advance(self, count: int) -> None:
        if count > self.size - self.position:
            raise EOFError(
                f"the file ends at byte {self.size}, and bytes up to {self.position + count} belong to it"
            )
        self.position += count

    def _take(self, count: int) -> None:
        self._taken += count
        if self._taken > self.limit:
            raise MemoryError(f"more than {self.limit} bytes beside large arrays")


@dataclass(frozen=True)
class Window:
    """Bytes of a file that were not read."""

    file: BoundedFile
    offset: int
    length: int

    def array(self, dtype: np.dtype, shape: tuple[int, ...], fortran: bool) -> np.ndarray | MappedArray:
        """Return the array that the bytes are.

        One in Fortran's order, whose rows lie apart, is a ``numpy.memmap``.

        Raises:
            ValueError: if they are not as many as its shape needs, or its elements are no plain numbers or texts.
        """
        if dtype.hasobject or self.length != math.prod(shape) * dtype.itemsize:
            raise ValueError(
                f"an array of shape {shape} and type {dtype}, whose {self.length} bytes do not fit"
            )
        if fortran and len(shape) > 1:
            return np.memmap(self.file.path, dtype, "r", self.offset, shape, "F")
        return MappedArray(self.file, self.offset, dtype, shape)

    def bytes(self) -> bytes:
        """Return the bytes; they count as read.

        Raises:
            MemoryError: beyond the file's limit.
        """
        self.file._take(self.length)
        found = np.empty(self.length, np.uint8)
        self.file.read_into(found, self.offset)
        return found.tobytes()


class MappedArray:
    """An array in a file: ``array[i]`` and ``array[i:j]`` read rows (of the first axis), ``numpy.asarray`` all.

    Attributes:
        shape, dtype: as an array's.
    """

    def __init__(self, file: BoundedFile, offset: int, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = shape, dtype
        self._file, self._offset = file, offset
        self._row = math.prod(shape[1:]) * dtype.itemsize

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int | slice) -> np.ndarray:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            return self._rows(start, stop if step == 1 else max(start, stop))[:: max(step, 1)]
        at = range(len(self))[key]
        return self._rows(at, at + 1)[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = self._rows(0, len(self)) if self.shape else self._rows(0, 1)
        return found if dtype is None else found.astype(dtype, copy=False)

    def _rows(self, start: int, stop: int) -> np.ndarray:
        made = np.empty((max(stop - start, 0), *self.shape[1:]), self.dtype)
        self._file.read_into(made, self._offset + start * self._row)
        return made
