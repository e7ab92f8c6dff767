"""What was read of a corpus's files, kept beside its manifest: a file that has not changed is not read again.

``read-before.txt`` has a line for every file and reader: the CRC-32 of the rest of the line, which reader, over which
code (:func:`affectssm.store.code.code_hash` of what reads), which file below which base, a hash of its size, its times
(of content and of status, to the nanosecond) and its inode, and as JSON what was read. Lines are appended as files are
read, so a discovery that is killed goes on; one that ends writes the file anew, without files that are gone. Lines that
are damaged do not count, and errors are not kept: what could not be read is tried again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
import typing
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

from affectssm.errors import DataError
from affectssm.store.atomic import staged, writing
from affectssm.store.code import code_hash
from affectssm.store.files import open_regular

NAME = "read-before.txt"
HEAD = b"affectssm read-before 1\n"
FLUSH_S = 2.0
TOGETHER = 16  # files that a thread reads before it asks for more
_LOG = logging.getLogger(__name__)


class Reading(NamedTuple):
    """One file to be read.

    Attributes:
        reader: a function of a module, whose annotation says what it returns: what JSON can hold, in dataclasses or not.
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


class Stamp(NamedTuple):
    """The state of files: a hash over size, times and inode, and when the last of them changed (ns)."""

    state: bytes
    changed_ns: int


class Memory:
    """What was read; without a place nothing is kept, and every file is read when it is asked for.

    Args:
        place: the folder the memory is kept in.
        bases: name -> folder of what is read; files are known by their paths below these.
        threads: files that are read at a time.
        others: folders that may hold the memory of the same files, looked at where `place` holds none.
    """

    def __init__(
        self,
        place: Path | None = None,
        bases: Mapping[str, Path] | None = None,
        threads: int = 1,
        others: Iterable[Path] = (),
    ) -> None:
        self.path = place / NAME if place is not None else None
        self.threads = threads
        longest_first = sorted((bases or {}).items(), key=lambda item: -len(str(item[1])))
        self._bases = [(f"{folder}{os.sep}", f"{name}/") for name, folder in longest_first]
        self._before: dict[bytes, dict[bytes, bytes]] = {}  # reader -> file -> state and JSON
        self._now: dict[bytes, dict[bytes, bytes]] = {}
        self._lock, self._file, self._flushed = threading.Lock(), None, 0.0
        self._file: IO[bytes] | None
        self._pool: ThreadPoolExecutor | None = None
        self._changed = False
        if self.path is not None:
            sound = self._load(self.path)
            for other in () if sound else others:
                self._load(other / NAME)
            self._changed = not sound

    def read(self, reading: Reading) -> Any:
        """Return what a file holds, read now or before.

        Raises:
            Exception: whatever the reader raises.
        """
        return self.stamped(reading)[0] if self.path is not None else reading.now()

    def stamped(self, reading: Reading) -> tuple[Any, int]:
        """Return what a file holds, and when it last changed (ns), as it was before it was read."""
        try:
            found = self.stamp(reading)
        except OSError:
            return reading.now(), 0  # the reader says what is wrong
        reader = _reader_id(reading) if self.path is not None else None
        if reader is None:
            return reading.now(), found.changed_ns
        key = self._key(reading.path)
        held = self._held(reader, key, found.state)
        if held is not None:
            with suppress(ValueError):  # of a CRC that fits by chance
                return _kind(reading.reader).validate_json(held), found.changed_ns
        value = reading.now()
        self._keep(reader, key, found.state, reading, value)
        return value, found.changed_ns

    @staticmethod
    def stamp(reading: Reading) -> Stamp:
        """Return the state of what a reading reads.

        Raises:
            OSError: if a file is not there.
        """
        stats = [os.stat(path) for path in reading.files or (reading.path,)]  # noqa: PTH116 (half the time of Path's)
        text = ",".join(f"{one.st_size}:{one.st_mtime_ns}:{one.st_ctime_ns}:{one.st_ino}" for one in stats)
        state = hashlib.blake2b(text.encode(), digest_size=12).hexdigest().encode()
        return Stamp(state, max(one.st_ctime_ns for one in stats))

    def ahead(self, readings: Iterable[Reading], said: Callable[[int], None] | None = None) -> None:
        """Read files that will be asked for, some at a time; what cannot be read says so when it is asked for.

        Args:
            readings: of the files.
            said: is told how many were read, now and then.
        """
        if self.path is None:
            return
        groups, done = _groups(readings), 0
        for count in map(self._try, groups) if self.threads == 1 else self._in_threads(groups):
            done += count
            if said is not None:
                said(done)

    def _in_threads(self, groups: Iterator[Sequence[Reading]]) -> Iterator[int]:
        """Read groups in threads, no more of them waiting than the threads can begin next."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads)
        waiting = [self._pool.submit(self._try, group) for _, group in zip(range(2 * self.threads), groups)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [self._pool.submit(self._try, group) for _, group in zip(range(1), groups)]

    def _try(self, readings: Sequence[Reading]) -> int:
        for reading in readings:
            try:
                self.read(reading)
            except (MemoryError, ImportError):
                raise
            except Exception as error:  # whoever asks for it is told
                _LOG.debug("%s: %s", reading.path, error)
        return len(readings)

    def _key(self, path: Path) -> bytes:
        text = str(path)
        for folder, name in self._bases:
            if text.startswith(folder):
                return (name + text[len(folder) :]).encode("utf-8", "surrogateescape")
        return text.encode("utf-8", "surrogateescape")

    def _held(self, reader: bytes, key: bytes, state: bytes) -> bytes | None:
        """Return the JSON of a file that is as it was, and remember that it was asked for."""
        now = self._now.setdefault(reader, {})
        held = now.get(key)
        if held is None and (held := self._before.get(reader, {}).pop(key, None)) is not None:
            now[key] = held
        if held is None or not held.startswith(state):
            return None
        return held[len(state) :]

    def _keep(self, reader: bytes, key: bytes, state: bytes, reading: Reading, value: Any) -> None:
        kind = _kind(reading.reader)
        content = json.dumps(kind.dump_python(value), separators=(",", ":")).encode()
        if kind.validate_json(content) != value or b"\t" in key or b"\n" in key:
            return  # no number that JSON can tell
        held = state + content
        with self._lock:
            self._now.setdefault(reader, {})[key] = held
            self._append(_line(reader, key, held))

    def _append(self, line: bytes) -> None:
        assert self.path is not None
        self._changed = True
        with writing(self.path):
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._opened(self.path)
            self._file.write(line)
            if time.monotonic() - self._flushed > FLUSH_S:
                self._file.flush()
                self._flushed = time.monotonic()

    @staticmethod
    def _opened(path: Path) -> IO[bytes]:
        """Open the memory to append to it; one that is none is begun anew."""
        head = b""
        with suppress(OSError), open_regular(path) as file:
            head = file.read(len(HEAD))
        if head != HEAD:
            path.unlink(missing_ok=True)
            file = path.open("ab")
            file.write(HEAD)
            return file
        file = path.open("ab")
        file.write(b"\n")  # a line that a kill cut off ends here
        return file

    def close(self) -> None:
        """End the threads, and let go of the file as it is."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._file is not None:
            with writing(Path(self._file.name)), self._file:
                pass
        self._pool, self._file = None, None

    def finish(self) -> None:
        """Write what counts for the files that were asked for, in place of what was known of others, too; forget it."""
        self.close()
        gone = any(self._before.values())
        if self.path is not None and (self._changed or gone):
            with staged(self.path) as temporary, temporary.open("wb") as file:
                file.write(HEAD)
                for reader, files in self._now.items():
                    file.writelines(_line(reader, key, held) for key, held in files.items())
        self._before, self._now = {}, {}

    def _load(self, path: Path) -> bool:
        """Add what a file remembers; return whether there is one without damage."""
        try:
            with open_regular(path) as file:
                if file.readline(len(HEAD)) != HEAD:
                    _LOG.warning("%s is no memory of this version: all files are read again", path)
                    return False
                damaged = sum(not self._add(line) for line in file)
        except FileNotFoundError:
            return False
        except OSError as error:
            _LOG.warning("%s cannot be read (%s): all files are read again", path, error.strerror or error)
            return False
        if damaged:
            _LOG.warning("%s: %d damaged lines; what they were of is read again", path, damaged)
        return not damaged

    def _add(self, line: bytes) -> bool:
        """Add a line; return False for one that is damaged."""
        if line == b"\n":
            return True
        crc, _, rest = line.removesuffix(b"\n").partition(b"\t")
        parts = rest.split(b"\t", 2)
        if not line.endswith(b"\n") or len(parts) != 3 or crc != _crc(rest):
            return False
        self._before.setdefault(parts[0], {})[parts[1]] = parts[2]
        return True


def _line(reader: bytes, key: bytes, held: bytes) -> bytes:
    rest = b"\t".join((reader, key, held))
    return _crc(rest) + b"\t" + rest + b"\n"


def _crc(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)


def _groups(readings: Iterable[Reading]) -> Iterator[Sequence[Reading]]:
    group: list[Reading] = []
    for reading in readings:
        group.append(reading)
        if len(group) == TOGETHER:
            yield group
            group = []
    if group:
        yield group


@cache
def _kind(reader: Callable[..., Any]) -> Any:
    """How what a reader returns is told from JSON, by its annotation."""
    from pydantic import TypeAdapter

    return TypeAdapter(typing.get_type_hints(reader).get("return", Any))


def _reader_id(reading: Reading) -> bytes | None:
    """12 hex digits of a reader and its code, or None for one that is no function of a module that is installed."""
    if reading.name:
        return _identity(reading.name)
    return _identity("", reading.reader, *reading.more)


@cache
def _identity(name: str, *functions: Callable[..., Any]) -> bytes | None:
    if not name:
        modules = [function.__module__ for function in functions]
        try:
            code = code_hash(*modules)
        except ModuleNotFoundError:
            return None
        name = ",".join([code, *(f"{function.__module__}:{function.__qualname__}" for function in functions)])
    return hashlib.sha256(name.encode()).hexdigest()[:12].encode()


_CURRENT: list[Memory] = [Memory()]


def current() -> Memory:
    """Return the memory of the discovery that runs; outside of one, one that keeps nothing."""
    return _CURRENT[-1]


@contextmanager
def remembering(memory: Memory) -> Iterator[Memory]:
    """Let a memory be the current one; written anew if the block ends without an error, else kept as far as it came."""
    _CURRENT.append(memory)
    try:
        yield memory
        memory.finish()
    finally:
        _CURRENT.remove(memory)
        memory.close()


def read(reader: Callable[..., Any], path: Path, *more: Callable[..., Any]) -> Any:
    """Return what a reader finds in a file, now or when it was read before; see :class:`Reading`."""
    return current().read(Reading(reader, path, more))
