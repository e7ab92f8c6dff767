"""Pickles of other people, read without running anything in them, within a bounded memory.

A pickle is a program. Here it may build numbers, texts, plain containers and NumPy arrays of plain numbers and
texts, and nothing else: every other name and instruction is refused, by name, before anything is called. NumPy's own
unpickling never runs: arrays are put together here from their shape, type and bytes. The bytes of large ones stay in
the file (:class:`affectssm.media.mapped.MappedArray`), however many there are; those that a pickle holds as text
(protocols 0 to 2) are taken into memory.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from affectssm.errors import DataError
from affectssm.media.mapped import BoundedFile
from affectssm.media.pickle_arrays import ALLOWED, Array, Kind, finished
from affectssm.media.probe import MediaError, UnsafeFileError

MAX_BYTES = 4 << 30
MAPPED_FROM = 1 << 20  # bytes of an array that stays in the file
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
        return finished(_Unpickler(file, mapped_from).load(), {}, 0)
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
        if (module, name) not in ALLOWED:
            raise _unsafe(
                self.file.path,
                f"a pickle that asks for {module}.{name}",
                "NumPy arrays and plain containers only",
            )
        return ALLOWED[module, name]

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
        if not isinstance(self.stack[-1], Array | Kind):
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
