"""Arrow arrays from values and back, through their buffers.

``pa.array`` and ``to_numpy`` import pandas, to ask whether a value is one of its own: half a second of every short job.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

_NUMBERS = {
    kind: np.dtype(kind.to_pandas_dtype())
    for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64())
}
_LARGEST = 2**31 - 1  # bytes of all texts of an array


def column(values: Sequence[Any] | np.ndarray | pa.Array, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Return values as an Arrow array of a type.

    Args:
        values: texts, bytes, numbers, truth values or lists of them; or what else ``pa.array`` takes, to which values
            that are missing or to be converted are left.
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if not len(values):
        return pa.nulls(0, kind)
    found = None
    if kind in (pa.string(), pa.binary()):
        found = _texts(values, kind)
    elif kind in _NUMBERS or kind == pa.bool_():
        found = _fixed(np.asarray(values), kind)
    elif pa.types.is_list(kind) and all(isinstance(value, list | tuple) for value in values):
        flat = column([item for value in values for item in value], kind.value_type)
        found = pa.ListArray.from_arrays(column(_ends(values), pa.int32()), flat, type=kind)
    return pa.array(values, kind) if found is None else found


def numbers(array: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return integers or floating-point numbers, none of which is missing; read-only."""
    if isinstance(array, pa.ChunkedArray):
        return np.concatenate(
            [numbers(chunk) for chunk in array.chunks] or [np.zeros(0, _NUMBERS[array.type])]
        )
    assert not array.null_count
    values = array.buffers()[1]
    if values is None:
        return np.zeros(0, _NUMBERS[array.type])
    return np.frombuffer(values, _NUMBERS[array.type])[array.offset : array.offset + len(array)]


def _ends(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Where each value begins in all of them one after the other, and where the last ends."""
    return np.fromiter(accumulate(map(len, values), initial=0), np.int64, len(values) + 1)


def _texts(values: Sequence[Any] | np.ndarray, kind: pa.DataType) -> pa.Array | None:
    wanted = str if kind == pa.string() else bytes
    if any(type(value) is not wanted for value in values):
        return None
    encoded = [value.encode() for value in values] if wanted is str else list(values)
    ends = _ends(encoded)
    if ends[-1] > _LARGEST:
        return None
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(kind, len(encoded), buffers)


def _fixed(values: np.ndarray, kind: pa.DataType) -> pa.Array | None:
    """An array of numbers or truth values that are of this type already or fit in it; None for others."""
    if values.ndim != 1:
        return None
    if kind == pa.bool_():
        if values.dtype != np.bool_:
            return None
        held = np.packbits(values, bitorder="little")
    else:
        wanted = _NUMBERS[kind]
        if values.dtype.kind != wanted.kind:
            return None
        held = np.ascontiguousarray(values, wanted)
        if wanted.kind == "i" and not np.array_equal(held, values):
            return None
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(held)])
