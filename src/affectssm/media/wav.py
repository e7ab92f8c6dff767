"""Where the sound of a WAV file lies, by its bytes: its header may promise less, more, or nothing.

A recorder writes how much sound there is when it ends, into 32 bits. So a header may hold 0 or a placeholder (the
recorder was killed, or wrote into a pipe), a size that was written early, or one that wrapped beyond 4 GB; RF64 and
BW64 have 64 bits for it and the same habits. FFmpeg stops where the header says. Here the sound goes on to the end of
the file, unless what follows it are chunks.

Format: RIFF (Microsoft, 1991), EBU Tech 3306 (RF64), ITU-R BS.2088 (BW64).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from affectssm.store.files import open_regular

_FORMS = (b"RIFF", b"RF64", b"BW64")
_WIDE = (b"RF64", b"BW64")
_HEAD = 12
_MAX_CHUNKS = 1000  # before the sound; real files have a dozen
_MAX_FMT = 1 << 16
_WRAP = 1 << 32
# what recorders write before they know: the largest numbers there are, less or more by a header or a page
_PLACEHOLDERS, _NEAR = (1 << 31, 1 << 32, 1 << 63, 1 << 64), 1 << 16
# a chunk of one of these names is one even where its size is wrong
_KNOWN = frozenset(
    (
        b"LIST",
        b"list",
        b"id3 ",
        b"ID3 ",
        b"bext",
        b"iXML",
        b"axml",
        b"_PMX",
        b"cue ",
        b"fact",
        b"PEAK",
        b"JUNK",
    )
)
TAGS = (b"ID3", b"TAG", b"APETAGEX")
"""How what players put behind the sound begins: ID3v2, ID3v1, APE."""


@dataclass(frozen=True)
class WavSound:
    """The sound of a WAV file.

    Attributes:
        path: the file.
        fmt: its ``fmt`` chunk's content.
        form: the first four bytes.
        start, stop: the first byte of the sound and the one after its last.
        promised: bytes of sound by the header, None where it does not say.
        regular: whether the chunks before the sound are those of the form, each where it belongs.
        followed: whether chunks follow the sound.
    """

    path: Path
    fmt: bytes
    form: bytes
    start: int
    stop: int
    promised: int | None
    regular: bool
    followed: bool

    @property
    def held(self) -> int:
        """Bytes of sound there are."""
        return self.stop - self.start

    @property
    def missing(self) -> int:
        """Bytes of sound the header promises and the file does not hold: it was cut."""
        return max(0, (self.promised or 0) - self.held)

    @property
    def differs(self) -> bool:
        """Whether the header says another length than there is, in a file that was not cut."""
        return self.promised != self.held and not self.missing

    @property
    def readable(self) -> bool:
        """Whether FFmpeg reads the sound, all of it and nothing else, from the file as it is."""
        open_end = self.form == b"RIFF" and self.promised is None and not self.followed
        return self.regular and (open_end or not self.differs)

    def found(self) -> str:
        """Say what the header says and what is there."""
        says = "no length" if self.promised is None else f"{self.promised} bytes of sound"
        return f"{says} by the header, {self.held} bytes"


def wav_sound(path: Path | str) -> WavSound | None:
    """Look for the sound of a WAV file; None for other files, and for those without a format or sound.

    Raises:
        OSError: if the file cannot be read, or not by FFmpeg.
    """
    with open_regular(path) as file:
        head = file.read(_HEAD)
        if head[:4] == b"RIFX" and head[8:] == b"WAVE":
            raise OSError("big-endian WAV (RIFX), which FFmpeg reads as if it were little-endian")
        if head[:4] not in _FORMS or head[8:] != b"WAVE":
            return None
        size = file.seek(0, io.SEEK_END)
        return _walk(Path(path), file, size, head[:4])


def _walk(path: Path, file: BinaryIO, size: int, form: bytes) -> WavSound | None:
    """Go from chunk to chunk until the sound."""
    at, fmt, wide, aligned = _HEAD, b"", None, True
    for _ in range(_MAX_CHUNKS):
        chunk = _chunk(file, at)
        if chunk is None:
            return None
        name, length = chunk
        if name == b"data":
            if not fmt:
                return None
            promised = _promised(length, wide, form, size - at - 8)
            stop, followed = _stop(file, at + 8, promised, size)
            regular = aligned and (wide is not None) == (form in _WIDE)
            return WavSound(path, fmt, form, at + 8, stop, promised, regular, followed)
        if name == b"fmt " and length <= _MAX_FMT:
            fmt = file.read(length)
        elif name == b"ds64":
            body = file.read(16)
            wide = struct.unpack("<Q", body[8:])[0] if len(body) == 16 else None
        at += 8 + length
        if length % 2:
            # an odd chunk is padded, but some writers forget
            padded = _chunk(file, at + 1)
            pad = padded is not None and _is_name(padded[0])
            aligned, at = aligned and pad, at + pad
    return None


def _chunk(file: BinaryIO, at: int) -> tuple[bytes, int] | None:
    """Return the name and the length of the chunk that begins at a byte, or None beyond the end."""
    file.seek(at)
    head = file.read(8)
    return (head[:4], int.from_bytes(head[4:], "little")) if len(head) == 8 else None


def _is_name(name: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in name)


def _promised(length: int, wide: int | None, form: bytes, rest: int) -> int | None:
    """Return the bytes of sound by the header, or None where what stands there is no length.

    A placeholder may be the true length of a long recording: where as much is there, it counts.
    """
    if form in _WIDE and (wide is not None or length == _WRAP - 1):
        length = wide or 0
    unknown = length == 0 or any(abs(length - limit) <= _NEAR for limit in _PLACEHOLDERS)
    return None if unknown and length != rest and not (length and length < rest) else length


def _stop(file: BinaryIO, start: int, promised: int | None, size: int) -> tuple[int, bool]:
    """Return the end of the sound, and whether chunks follow it."""
    if promised is not None and start + promised >= size:
        return size, False
    first = promised or 0
    # the shortest that explains the rest of the file, then those that wrapped
    for length in range(first, size - start, _WRAP):
        if _only_chunks(file, start + length, size):
            return start + length, True
    return size, False


def _only_chunks(file: BinaryIO, at: int, size: int) -> bool:
    """Whether nothing but chunks, tags and padding follows from a byte to the end of the file."""
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        ahead = file.read(9)
        if not ahead.strip(b"\0"):
            return _only_zeros(file, at, size)
        if ahead.startswith(TAGS):
            return True
        pad = ahead[:1] == b"\0" and _is_name(ahead[1:5])
        chunk = _chunk(file, at + pad)
        if chunk is None or not _is_name(chunk[0]):
            return False
        at += pad + 8 + chunk[1]
        if at >= size:
            return at == size or chunk[0] in _KNOWN
    return False


def _only_zeros(file: BinaryIO, at: int, size: int) -> bool:
    """Whether less than a page of zeros is left: more may be silence."""
    file.seek(at)
    return size - at < 1 << 12 and not file.read(1 << 12).strip(b"\0")


class WavView(io.RawIOBase):
    """A WAV file as it should have been written: a header that is true, then the sound.

    Args:
        sound: where the sound lies.
    """

    def __init__(self, sound: WavSound) -> None:
        self.name = str(sound.path)
        self._head, self._start, self._size = _header(sound), sound.start, sound.held
        self._file = open_regular(sound.path)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        within = self._at - len(self._head)
        if within < 0:
            data = self._head[self._at : self._at + len(target)]
        else:
            self._file.seek(self._start + within)
            data = self._file.read(min(len(target), max(0, self._size - within)))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._head) + self._size}
        self._at = max(0, base[whence] + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._file.close()
        super().close()


def _header(sound: WavSound) -> bytes:
    """Return a header that says how much sound there is; beyond 4 GB all ones, which to FFmpeg is the file's end."""
    fmt = struct.pack("<4sI", b"fmt ", len(sound.fmt)) + sound.fmt + b"\0" * (len(sound.fmt) % 2)
    body = b"WAVE" + fmt + struct.pack("<4sI", b"data", min(sound.held, _WRAP - 1))
    return struct.pack("<4sI", b"RIFF", min(len(body) + sound.held, _WRAP - 1)) + body
