"""The file that a memory is kept in: a line for every file and reader.

A line is the CRC-32 of the rest of it, which reader, which file, and what was read. Lines are appended as files are
read, so that a kill loses the last seconds; of several lines for a file the last counts, and damaged ones do not.
"""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from affectssm.errors import DataError
from affectssm.store.atomic import staged, writing
from affectssm.store.files import open_regular

NAME = "read-before.txt"
HEAD = b"affectssm read-before 1\n"
FLUSH_S = 2.0
_LOG = logging.getLogger(__name__)

Held = dict[bytes, dict[bytes, bytes]]
"""Reader -> file -> what was read."""


class MemoryFile:
    """A memory's file in a folder; nothing is written before there is something to write.

    What cannot be written is told once and left out: it costs time later on, and no discovery now.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._file: IO[bytes] | None = None
        self._flushed, self._refused = 0.0, False

    def load(self, held: Held) -> bool:
        """Add to `held` what the file says; return whether it is there and undamaged. What is wrong is told."""
        try:
            with open_regular(self.path) as file:
                if file.readline(len(HEAD)) != HEAD:
                    _LOG.warning("%s is none of this version: all files are read again", self.path)
                    return False
                damaged = sum(not _add(held, line) for line in file)
        except FileNotFoundError:
            return False
        except OSError as error:
            _LOG.warning("%s: %s; all files are read again", self.path, error.strerror or error)
            return False
        if damaged:
            _LOG.warning("%s: %d damaged lines; what they were of is read again", self.path, damaged)
        return not damaged

    def append(self, reader: bytes, key: bytes, content: bytes) -> None:
        """Add a line."""
        if self._refused:
            return
        with self._writing():
            if self._file is None:
                self._file = self._opened()
            self._file.write(_line(reader, key, content))
            if time.monotonic() - self._flushed > FLUSH_S:
                self._file.flush()
                self._flushed = time.monotonic()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with writing(self.path):
                yield
        except DataError as error:
            if not self._refused:
                _LOG.warning("%s; what was read is not remembered", error)
            self._refused = True

    def _opened(self) -> IO[bytes]:
        """Open the file to append to it; one that is none is begun anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        head = b""
        with suppress(OSError), open_regular(self.path) as file:
            head = file.read(len(HEAD))
        if head != HEAD:
            self.path.unlink(missing_ok=True)
        file = self.path.open("ab")
        file.write(b"\n" if head == HEAD else HEAD)  # a line that a kill cut off ends here
        return file

    def close(self) -> None:
        """Put what was appended in place."""
        file, self._file = self._file, None
        if file is not None:
            with self._writing(), file:
                pass

    def rewrite(
        self, wanted: Mapping[bytes, Collection[bytes]], renewed: Mapping[tuple[bytes, bytes], bytes]
    ) -> None:
        """Write the file anew.

        Args:
            wanted: reader -> files that are kept.
            renewed: (reader, file) -> what counts for it now.
        """
        self.close()
        with (
            self._writing(),
            open_regular(self.path) as old,
            staged(self.path) as temporary,
            temporary.open("wb") as file,
        ):
            file.write(HEAD)
            for line in old:
                parts = _parts(line)
                if parts and parts[1] in wanted.get(parts[0], ()) and parts[:2] not in renewed:
                    file.write(line)
            file.writelines(_line(*place, content) for place, content in renewed.items())


def fits(key: bytes) -> bool:
    """Whether a line can name a file."""
    return b"\t" not in key and b"\n" not in key


def _line(reader: bytes, key: bytes, content: bytes) -> bytes:
    rest = b"\t".join((reader, key, content))
    return _crc(rest) + b"\t" + rest + b"\n"


def _add(held: Held, line: bytes) -> bool:
    """Add what a line says; return False for one that is damaged."""
    parts = _parts(line)
    if parts:
        held.setdefault(parts[0], {})[parts[1]] = parts[2]
    return bool(parts) or line == b"\n"


def _parts(line: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return reader, file and what was read of it; None for a line that is damaged or empty."""
    crc, _, rest = line.removesuffix(b"\n").partition(b"\t")
    parts = rest.split(b"\t", 2)
    if not line.endswith(b"\n") or len(parts) != 3 or crc != _crc(rest):
        return None
    return parts[0], parts[1], parts[2]


def _crc(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)
