"""Pickles of other people, read without running anything in them, within a bounded memory.

A pickle is a program. Here it may build numbers, texts, plain containers and NumPy arrays of plain numbers and
texts, and nothing else: every other name and instruction is refused, by name, before anything is called. NumPy's own
unpickling never runs: arrays are put together here from their shape, type and bytes. The bytes of large ones stay in
the file (:class:`affectssm.media.mapped.MappedArray`), however many there are; those that a pickle holds as text
(protocols 0 to 2) are taken into memory.
"""

from __future__ import annotations

import math
import pickle
import re
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from affectssm.errors import DataError
from affectssm.media.mapped import BoundedFile, MappedArray, Window
from affectssm.media.probe import MediaError, UnsafeFileError

MAX_BYTES = 4 << 30
MAPPED_FROM = 1 << 20  # bytes of an array that stays in the file
MAX_DEPTH = 100
_DTYPE = re.compile(r"[<>=|]?(?:[biufc]\d{1,2}|[SUV]\d{0,8}|[?O]|O[48])")
_FOREIGN = ("INST", "OBJ", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEWOBJ", "NEWOBJ_EX", "NEXT_BUFFER",
            "READONLY_BUFFER")  # fmt: skip
_DAMAGED = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError, KeyError, ImportError,
    OverflowError, RecursionError, UnicodeError, OSError,
)  # fmt: skip


def read_pickle(path: Path | str, max_bytes: int = MAX_BYTES, mapped_from: int = MAPPED_FROM) -> Any:
    """Return what a pickle of arrays and plain containers holds; text of Python 2 is read as latin-1.

    Args:
        path: the file.
        max_bytes: of it that may be taken into memory; what stays in the file does not count.
        mapped_from: bytes from which an array stays in the file.

    Raises:
        UnsafeFileError: if it asks for a function or class that is not on the list, or for more than ``max_bytes``.
        MediaError: if it cannot be read, is damaged or ends too early.
    """
    path = Path(path)
    try:
        file = BoundedFile(path, max_bytes)
        return _finished(_Unpickler(file, mapped_from).load(), {}, 0)
    except DataError:
        raise
    except MemoryError as error:
        raise _unsafe(
            path, str(error) or "more than the memory holds", f"at most {max_bytes} bytes"
        ) from error
    except _DAMAGED as error:
        said = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise _damaged(path, str(said)) from error


def _foreign(name: str) -> Callable[[_Unpickler], None]:
    def refuse(unpickler: _Unpickler) -> None:
        raise _unsafe(unpickler.file.path, f"the instruction {name}", "arrays and plain containers")

    return refuse


class _Unpickler(pickle._Unpickler):  # the one in Python, whose instructions can be replaced
    append: Callable[[Any], None]
    memo: dict[int, Any]
    stack: list[Any]

    def __init__(self, file: BoundedFile, mapped_from: int) -> None:
        super().__init__(file, encoding="latin1", fix_imports=False)
        self.file, self.mapped_from = file, mapped_from

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _unsafe(
                self.file.path,
                f"a pickle that asks for {module}.{name}",
                "NumPy arrays and plain containers only",
            )
        return _ALLOWED[module, name]

    def _frame(self) -> None:
        self.file.read(8)  # a frame is read instruction by instruction: some hold the whole pickle

    def _bytes(self, form: str) -> None:
        (count,) = struct.unpack(form, self.file.read(struct.calcsize(form)))
        self.append(self.file.window(count) if count >= self.mapped_from else self.file.read(count))

    def _keep(self, place: int) -> None:
        if not 0 <= place <= self.file.position:
            # far beyond what was built: other readers reserve memory up to it
            found = f"memory place {place} within {self.file.position} bytes"
            raise _unsafe(self.file.path, found, "places in order")
        self.memo[place] = self.stack[-1]

    def _build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array | _Kind):
            raise ValueError("a state of something that is no array")
        self.stack[-1].__setstate__(state)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,
        **{getattr(pickle, name)[0]: _foreign(name) for name in _FOREIGN},
        pickle.FRAME[0]: _frame,
        pickle.BINBYTES[0]: lambda self: self._bytes("<I"),
        pickle.BINBYTES8[0]: lambda self: self._bytes("<Q"),
        pickle.BYTEARRAY8[0]: lambda self: self._bytes("<Q"),
        pickle.PUT[0]: lambda self: self._keep(int(self.file.readline())),
        pickle.LONG_BINPUT[0]: lambda self: self._keep(struct.unpack("<I", self.file.read(4))[0]),
        pickle.BUILD[0]: _build,
    }


class _Kind:
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


class _Array:
    """Stands for an array while the pickle is read."""

    value: np.ndarray | MappedArray | None = None
    items: list | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, _Kind) or not all(isinstance(n, int) and n >= 0 for n in shape):
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


def _reconstruct(kind: Any, shape: Any, _code: Any) -> _Array:
    if kind is not _NdArray or math.prod(shape) != 0:
        raise ValueError("an array that is not built from nothing")
    return _Array()


def _frombuffer(raw: Any, kind: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, kind, order == "F", raw))
    return array


def _scalar(kind: Any, raw: Any = None) -> Any:
    if not isinstance(kind, _Kind) or kind.dtype.hasobject:
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


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _NdArray,
    ("numpy", "dtype"): _Kind,
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


def _finished(value: Any, done: dict[int, Any], depth: int) -> Any:
    """Return a value with arrays in the place of what stood for them; each shared part once."""
    if depth > MAX_DEPTH:
        raise ValueError(f"containers nested over {MAX_DEPTH} deep")
    if not isinstance(value, list | tuple | dict | set | frozenset | _Array | _Kind | Window | type):
        return value
    if id(value) in done:
        return done[id(value)][0]
    made: Any
    if isinstance(value, _Array):
        made = _finished_array(value, done, depth)
    elif isinstance(value, list):
        made = []
        done[id(value)] = (made, value)  # a list may hold itself
        made.extend(_finished(item, done, depth + 1) for item in value)
    elif isinstance(value, dict):
        made = {}
        done[id(value)] = (made, value)
        made.update(
            (_finished(key, done, depth + 1), _finished(item, done, depth + 1)) for key, item in value.items()
        )
    elif isinstance(value, tuple | set | frozenset):
        made = type(value)(_finished(item, done, depth + 1) for item in value)
    elif isinstance(value, _Kind):
        made = value.dtype
    elif isinstance(value, Window):
        made = value.bytes()
    else:
        raise ValueError("a bare class")
    done[id(value)] = (made, value)
    return made


def _finished_array(array: _Array, done: dict[int, Any], depth: int) -> np.ndarray | MappedArray:
    if array.value is None:
        raise ValueError("an array that was begun and never filled")
    if array.items is not None and isinstance(array.value, np.ndarray):
        for place, item in enumerate(array.items):
            array.value.flat[place] = _finished(item, done, depth + 1)
    return array.value


def _unsafe(path: Path, found: str, expected: str) -> UnsafeFileError:
    return UnsafeFileError(
        path, found, expected, "nothing in it was run; take the file from the owner's download, and no other"
    )


def _damaged(path: Path, found: str) -> MediaError:
    return MediaError(
        path,
        f"not readable as a pickle: {found}",
        "a whole pickle of arrays",
        "copy the file again from the owner's download",
    )
