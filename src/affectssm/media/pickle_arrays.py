"""What a pickle may build, and how: stand-ins for NumPy's arrays and types, filled from their bytes.

NumPy's own unpickling never runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from affectssm.media.mapped import MappedArray, Window

MAX_DEPTH = 100
_DTYPE = re.compile(r"[<>=|]?(?:[biufc]\d{1,2}|[SUV]\d{0,8}|[?O]|O[48])")


class Kind:
    """Stands for an array's type while the pickle is read; its state is looked at, not obeyed."""

    def __init__(self, name: Any, *_: Any) -> None:
        name = name.decode("latin-1") if isinstance(name, bytes) else name
        if not isinstance(name, str) or not _DTYPE.fullmatch(name):
            raise ValueError(f"an array type {name!r}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple) -> None:
        order, inner, names, fields, size = state[1:6]
        if inner is not None or names is not None or fields is not None:
            raise ValueError("an array of records")
        if self.dtype.kind in "SUV" and isinstance(size, int) and 0 <= size <= 1 << 24:
            unit = 4 if self.dtype.kind == "U" else 1
            self.dtype = np.dtype(f"{self.dtype.kind}{size // unit}")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class Array:
    """Stands for an array while the pickle is read."""

    value: np.ndarray | MappedArray | None = None
    items: list | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, Kind) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise ValueError(f"an array of shape {shape!r} and type {kind!r}")
        raw = raw.encode("latin-1") if isinstance(raw, str) else raw
        self.value = _from_bytes(kind.dtype, tuple(shape), bool(fortran), raw)
        self.items = raw if isinstance(raw, list) else None


def _from_bytes(dtype: np.dtype, shape: tuple[int, ...], fortran: bool, raw: Any) -> Any:
    if isinstance(raw, Window):
        return raw.array(dtype, shape, fortran)
    count = math.prod(shape)
    order: Any = "F" if fortran else "C"
    if dtype.hasobject:
        if not isinstance(raw, list) or len(raw) != count:
            raise ValueError("an array of objects whose list does not fit its shape")
        return np.empty(shape, object, order)
    if not isinstance(raw, bytes | bytearray) or len(raw) != count * dtype.itemsize:
        raise ValueError(f"an array of shape {shape} and type {dtype} whose bytes do not fit")
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy(order="K")


class _NdArray:
    """Named by pickles as the class to rebuild; never called."""


def _reconstruct(kind: Any, shape: Any, _code: Any) -> Array:
    if kind is not _NdArray or math.prod(shape) != 0:
        raise ValueError("an array that is not built from nothing")
    return Array()


def _frombuffer(raw: Any, kind: Any, shape: Any, order: Any) -> Array:
    array = Array()
    array.__setstate__((1, shape, kind, order == "F", raw))
    return array


def _scalar(kind: Any, raw: Any = None) -> Any:
    if not isinstance(kind, Kind) or kind.dtype.hasobject:
        raise ValueError("a scalar of no plain type")
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    return _from_bytes(kind.dtype, (), False, raw)[()]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """What Python 2 compatible pickles write bytes with."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "iso-8859-1"):
        raise ValueError(f"bytes encoded as {encoding!r}")
    return text.encode("latin-1")


def _bytes() -> bytes:
    """What Python 2 compatible pickles write no bytes with."""
    return b""


def _of_list(kind: type[set | frozenset], items: Any) -> set | frozenset:
    if not isinstance(items, list):
        raise ValueError("a set that is not made of a list")
    return kind(items)


ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _NdArray,
    ("numpy", "dtype"): Kind,
    ("_codecs", "encode"): _encode,
    **{
        (module, name): made
        for module in ("builtins", "__builtin__")
        for name, made in (
            ("bytes", _bytes),
            ("set", partial(_of_list, set)),
            ("frozenset", partial(_of_list, frozenset)),
        )
    },
    **{
        (f"numpy.{core}.{module}", name): made
        for core in ("core", "_core")
        for module, name, made in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
}


def finished(value: Any, done: dict[int, Any], depth: int) -> Any:
    """Return a value with arrays in the place of what stood for them; each shared part once."""
    if depth > MAX_DEPTH:
        raise ValueError(f"containers nested over {MAX_DEPTH} deep")
    if not isinstance(value, list | tuple | dict | set | frozenset | Array | Kind | Window | type):
        return value
    if id(value) in done:
        return done[id(value)][0]
    made: Any
    if isinstance(value, Array):
        made = _finished_array(value, done, depth)
    elif isinstance(value, list):
        made = []
        done[id(value)] = (made, value)  # a list may hold itself
        made.extend(finished(item, done, depth + 1) for item in value)
    elif isinstance(value, dict):
        made = {}
        done[id(value)] = (made, value)
        made.update(
            (finished(key, done, depth + 1), finished(item, done, depth + 1)) for key, item in value.items()
        )
    elif isinstance(value, tuple | set | frozenset):
        made = type(value)(finished(item, done, depth + 1) for item in value)
    elif isinstance(value, Kind):
        made = value.dtype
    elif isinstance(value, Window):
        made = value.bytes()
    else:
        raise ValueError("a bare class")
    done[id(value)] = (made, value)
    return made


def _finished_array(array: Array, done: dict[int, Any], depth: int) -> np.ndarray | MappedArray:
    if array.value is None:
        raise ValueError("an array that was begun and never filled")
    if array.items is not None and isinstance(array.value, np.ndarray):
        for place, item in enumerate(array.items):
            array.value.flat[place] = finished(item, done, depth + 1)
    return array.value
