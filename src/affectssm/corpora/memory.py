"""What was read of a corpus's files, kept beside its manifest: a file that has not changed is not read again.

What was read is known by which reader read it, over which code (:func:`affectssm.store.code.code_hash` of what reads),
by the file's path below its base, and by a hash of its size, its times (of content and of status, in nanoseconds) and
its inode. A discovery that is killed goes on where it was; one that ends forgets files that are gone. Errors are not
kept: what could not be read is tried again.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from affectssm.corpora.listing import Listing, walk
from affectssm.corpora.readings import Reading, Stamp, identity, told
from affectssm.store.memory_file import Held, MemoryFile, fits

TOGETHER = 16  # files that a thread reads before it asks for more
T = TypeVar("T")


class _Place(NamedTuple):
    """Where something is remembered: which reader, which file."""

    reader: bytes
    key: bytes


class Memory:
    """What was read; without a folder nothing is kept, and every file is read when it is asked for.

    Args:
        folder: where the memory is kept.
        bases: name -> folder of what is read; files are known by their paths below these.
        threads: files that are read at a time.
        others: folders that may hold the memory of the same files, looked at where `folder` holds none.
    """

    def __init__(
        self,
        folder: Path | None = None,
        bases: Mapping[str, Path] | None = None,
        threads: int = 1,
        others: Iterable[Path] = (),
    ) -> None:
        longest_first = sorted((bases or {}).items(), key=lambda item: -len(str(item[1])))
        self._bases = [(f"{base}{os.sep}", f"{name}/") for name, base in longest_first]
        self._threads, self._pool = threads, ThreadPoolExecutor(threads) if threads > 1 else None
        self._before: Held = {}  # not asked for so far
        self._asked: dict[
            bytes, set[bytes]
        ] = {}  # reader -> files; what was read of them is in the file alone
        self._renewed: dict[tuple[bytes, bytes], bytes] = {}  # read again, because they changed
        self._fresh: dict[_Place, tuple[Stamp, bytes]] = {}  # of what was read ahead last
        self._failed: dict[_Place, Exception] = {}
        self._once: dict[Hashable, Any] = {}
        self._lock = threading.Lock()
        self._file = MemoryFile(folder) if folder is not None else None
        self._stale, self._others = False, False
        if self._file is not None and self._file.path.exists():
            self._stale = not self._file.load(self._before)
        elif self._file is not None:
            for other in others:
                self._others |= MemoryFile(other).load(self._before)
        self._tracks = bool(self._before) or self._stale  # else nothing can be there that is not asked for

    def read(self, reading: Reading) -> Any:
        """Return what a file holds, read now or before.

        Raises:
            Exception: whatever the reader raises.
        """
        return self.stamped(reading)[0] if self._file is not None else reading.now()

    def stamped(self, reading: Reading) -> tuple[Any, int]:
        """Return what a file holds, and when it last changed (ns), as it was before it was read.

        Raises:
            Exception: whatever the reader raises.
        """
        place = self._place(reading)
        if place in self._failed:
            raise self._failed[place]
        try:
            fresh = self._fresh.get(place) if place is not None else None
            stamp = fresh[0] if fresh else reading.stamp()
        except OSError:
            return reading.now(), 0  # the reader says what is wrong
        if place is None:
            return reading.now(), stamp.changed_ns
        held = fresh[1] if fresh else self._held(place, stamp.state)
        if held is not None:
            with suppress(ValueError):  # of a CRC that fits by chance
                return told(reading.reader).validate_json(held), stamp.changed_ns
        return self._read(reading, place, stamp), stamp.changed_ns

    def ahead(self, readings: Iterable[Reading], said: Callable[[int], None] | None = None) -> None:
        """Read what will be asked for and was not read before, some at a time; what cannot be read says so when asked.

        Until it is called again the files are taken to be as they were.

        Args:
            readings: of the files.
            said: is told how many were looked at, now and then.
        """
        if self._file is None:
            return
        self._fresh, self._failed = {}, {}
        seen = 0

        def unread() -> Iterator[tuple[Reading, _Place, Stamp]]:
            nonlocal seen
            for reading in readings:
                seen += 1
                place = self._place(reading)
                with suppress(OSError):
                    stamp = reading.stamp()
                    held = self._held(place, stamp.state) if place is not None else None
                    if place is not None and held is None:
                        yield reading, place, stamp
                    elif place is not None and held is not None:
                        self._fresh[place] = stamp, held

        for _ in self._in_threads(_together(unread())):
            if said is not None:
                said(seen)
        if said is not None:
            said(seen)

    def _in_threads(self, groups: Iterator[Sequence[tuple[Reading, _Place, Stamp]]]) -> Iterator[None]:
        """Read groups of files, in threads where there are some; no more wait than the threads can begin next."""
        if self._pool is None:
            yield from map(self._try, groups)
            return
        waiting: list[Future[None]] = []
        for group in groups:
            waiting.append(self._pool.submit(self._try, group))
            if len(waiting) >= 2 * self._threads:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

    def _try(self, group: Sequence[tuple[Reading, _Place, Stamp]]) -> None:
        for reading, place, stamp in group:
            try:
                self._read(reading, place, stamp)
            except (MemoryError, ImportError):
                raise
            except Exception as error:  # noqa: BLE001 (raised again when it is asked for)
                self._failed[place] = error

    def _read(self, reading: Reading, place: _Place, stamp: Stamp) -> Any:
        """Read a file and remember what it held, where JSON tells it without loss."""
        value, kind = reading.now(), told(reading.reader)
        content = json.dumps(kind.dump_python(value), separators=(",", ":")).encode()
        if fits(place.key) and kind.validate_json(content) == value:
            assert self._file is not None
            self._fresh[place] = stamp, content
            with self._lock:
                if self._tracks:
                    asked = self._asked.setdefault(place.reader, set())
                    if place.key in asked:
                        self._renewed[place] = stamp.state + content
                    asked.add(place.key)
                self._file.append(*place, stamp.state + content)
        return value

    def _place(self, reading: Reading) -> _Place | None:
        """Return where a reading is remembered; None for a reader that is no function of an installed module."""
        reader = identity(reading.name) if reading.name else identity("", reading.reader, *reading.more)
        if self._file is None or reader is None:
            return None
        text = str(reading.path)
        for base, name in self._bases:
            if text.startswith(base):
                text = name + text[len(base) :]
                break
        return _Place(reader, text.encode("utf-8", "surrogateescape"))

    def _held(self, place: _Place, state: bytes) -> bytes | None:
        """Return the JSON of a file that is as it was, once, and remember that it was asked for."""
        held = self._before.get(place.reader, {}).pop(place.key, None)
        if held is None:
            return None
        with self._lock:
            self._asked.setdefault(place.reader, set()).add(place.key)
            if self._others and self._file is not None:
                self._file.append(*place, held)
        return held[len(state) :] if held.startswith(state) else None

    def once(self, asked: Hashable, make: Callable[[], T]) -> T:
        """Return what is made, and the same once more when it is asked for again; then it is let go."""
        if self._file is None:
            return make()
        if asked in self._once:
            return self._once.pop(asked)
        return self._once.setdefault(asked, make())

    def close(self) -> None:
        """End the threads, and let go of the file as it is."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._file is not None:
            self._file.close()

    def finish(self) -> None:
        """Keep what was asked for in place of all that was known; forget it."""
        gone = any(self._before.values()) and not self._others
        if self._file is not None and (self._stale or self._renewed or gone):
            self._file.rewrite(self._asked, self._renewed)
        self._before, self._asked, self._renewed = {}, {}, {}
        self._fresh, self._failed, self._once = {}, {}, {}


def _together(readings: Iterator[T]) -> Iterator[list[T]]:
    while group := list(islice(readings, TOGETHER)):
        yield group


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


def walk_once(
    root: Path,
    names: tuple[str, ...],
    skip: Path | None,
    split_folder: re.Pattern[str],
    pictures: str = "",
) -> Listing:
    """Return what :func:`affectssm.corpora.listing.walk` does; a discovery that asks twice walks once."""

    def make() -> Listing:
        return walk(root, names, skip=skip, split_folder=split_folder, pictures=pictures)

    return current().once(("walk", root, names, skip, split_folder, pictures), make)
