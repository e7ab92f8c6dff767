"""One file to be read: by what, in which state it is, and how what was read is told from JSON."""

from __future__ import annotations

import hashlib
import os
import typing
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from affectssm.store.code import code_hash


class Reading(NamedTuple):
    """One file to be read.

    Attributes:
        reader: a function of a module, whose annotation says what it returns: what JSON can hold, or dataclasses of it.
        path: its first argument.
        more: its others: functions of modules, whose code counts too, or files.
        files: what it reads, where that is more than `path`.
        name: what it is remembered as, where its code does not decide what it returns.
    """

    reader: Callable[..., Any]
    path: Path
    more: tuple[Any, ...] = ()
    files: tuple[Path, ...] = ()
    name: str = ""

    def now(self) -> Any:
        """Read it."""
        return self.reader(self.path, *self.more)

    def stamp(self) -> Stamp:
        """Return the state of what is read.

        Raises:
            OSError: if a file is not there.
        """
        stats = [os.stat(path) for path in self.files or (self.path,)]  # noqa: PTH116 (half the time of Path's)
        text = ",".join(f"{one.st_size}:{one.st_mtime_ns}:{one.st_ctime_ns}:{one.st_ino}" for one in stats)
        state = hashlib.blake2b(text.encode(), digest_size=12).hexdigest().encode()
        return Stamp(state, max(one.st_ctime_ns for one in stats))


class Stamp(NamedTuple):
    """The state of files: a hash over size, times and inode, and when the last of them changed (ns)."""

    state: bytes
    changed_ns: int


@cache
def told(reader: Callable[..., Any]) -> Any:
    """How what a reader returns is told from JSON, by its annotation."""
    from pydantic import TypeAdapter

    return TypeAdapter(typing.get_type_hints(reader).get("return", Any))


@cache
def identity(name: str, *functions: Callable[..., Any]) -> bytes | None:
    """12 hex digits of a name, or of functions and their code; None for one of no module that is installed."""
    if not name:
        try:
            code = code_hash(*(function.__module__ for function in functions))
        except ModuleNotFoundError:
            return None
        name = ",".join([code, *(f"{function.__module__}:{function.__qualname__}" for function in functions)])
    return hashlib.sha256(name.encode()).hexdigest()[:12].encode()
