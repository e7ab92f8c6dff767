"""SSI streams: an XML header `<name>.stream` beside a binary body `<name>.stream~` of row-major samples.

The format is that of the Social Signal Interpretation framework as the MultiMediate challenges ship it:
little-endian BINARY bodies, one or more chunks. Rows are counted, never dated: row i summarises
[i/rate, (i+1)/rate) seconds, and the chunks' own time stamps are ignored, as the challenge's baseline does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from affectssm.errors import DataError
from affectssm.media.text import decoded
from affectssm.store.files import check_regular, read_whole

TYPES = {
    "CHAR": ("i", (1,)),
    "UCHAR": ("u", (1,)),
    "SHORT": ("i", (2,)),
    "USHORT": ("u", (2,)),
    "INT": ("i", (4,)),
    "UINT": ("u", (4,)),
    "LONG": ("i", (4, 8)),
    "ULONG": ("u", (4, 8)),
    "FLOAT": ("f", (4,)),
    "DOUBLE": ("f", (8,)),
    "BOOL": ("u", (1, 4)),
}
MAX_HEADER_BYTES = 1 << 20
MAX_DIM = 1 << 20
MAX_BODY_BYTES = 1 << 53  # more than any disk holds; numbers beyond it are not places in a file
RATES_HZ = (1e-3, 1e6)  # rows come every quarter of an hour at the least


@dataclass(frozen=True)
class SsiChunk:
    """A run of rows: byte offset in the body and number of rows, as the header says."""

    offset: int
    rows: int


@dataclass(frozen=True)
class SsiHeader:
    """What the header promises: rate in Hz, dim columns of `byte` bytes each, their type, chunks.

    `repaired` is true where the header was no XML and was read by pattern.
    """

    rate: float
    dim: int
    byte: int
    type: str
    chunks: tuple[SsiChunk, ...]
    repaired: bool = False

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.dim * self.byte

    @property
    def rows(self) -> int:
        """Rows promised by all chunks together."""
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def dtype(self) -> np.dtype:
        """NumPy type of one element."""
        return np.dtype(f"<{TYPES[self.type][0]}{self.byte}")


@dataclass(frozen=True)
class SsiStream:
    """Rows of a stream.

    Attributes:
        value: (rows, dim) float32; non-finite values are left as they are.
        finite: (rows,) bool, whether a row holds finite values only.
    """

    value: np.ndarray
    finite: np.ndarray


def body_path(header_path: Path) -> Path:
    """The body that belongs to a header."""
    return header_path.with_name(header_path.name + "~")


def read_header(path: Path) -> SsiHeader:
    """Read a `.stream` header.

    Raises:
        DataError: no such file, not an SSI header, or a body format other than BINARY.
    """
    info, chunks, repaired = _parse(path, _header_text(path))
    ftype, kind = info.get("ftype", "BINARY").upper(), info.get("type", "").upper()
    if ftype != "BINARY":
        raise DataError(
            path,
            f"an SSI stream with ftype {ftype!r}",
            "ftype BINARY",
            "convert the stream to BINARY with SSI or NOVA",
        )
    try:
        header = SsiHeader(
            rate=float(info["sr"].replace(",", ".")),
            dim=int(info["dim"]),
            byte=int(info["byte"]),
            type=kind,
            chunks=tuple(SsiChunk(int(c.get("byte", 0)), int(c["num"])) for c in chunks),
            repaired=repaired,
        )
    except (KeyError, ValueError) as error:
        raise _not_a_header(path, f"a header whose values do not read: {error!r}") from error
    _check(path, header)
    return header


def body_rows(header_path: Path) -> tuple[int, int]:
    """(rows `read_stream` returns, rows the header promises); the first is less where the body is short.

    Raises:
        DataError: header unreadable or body missing.
    """
    header = read_header(header_path)
    return sum(span.rows for span in _spans(header, _body_size(header_path))), header.rows


def read_stream(header_path: Path, start: int | None = None, stop: int | None = None) -> SsiStream:
    """Read rows start:stop (all by default) through a memory map; only those rows are held in memory.

    A body shorter than promised is floored to whole rows; one that is longer is read as far as promised, and
    wholly where the header promises nothing (a recorder that was killed never wrote the count).

    Raises:
        DataError: header unreadable or body missing.
    """
    header = read_header(header_path)
    spans = _spans(header, _body_size(header_path))
    total = sum(chunk.rows for chunk in spans)
    first, last, _ = slice(start, stop).indices(total)
    value = np.empty((max(last - first, 0), header.dim), np.float32)
    at = 0  # first row of the current chunk
    for chunk in spans:
        low, high = max(first, at), min(last, at + chunk.rows)
        if low < high:
            shape = (chunk.rows, header.dim)
            body = np.memmap(body_path(header_path), header.dtype, "r", chunk.offset, shape)
            with np.errstate(over="ignore"):  # a double beyond float32 becomes inf, and so not finite
                value[low - first : high - first] = body[low - at : high - at]
        at += chunk.rows
    return SsiStream(value, np.asarray(np.isfinite(value).all(axis=1)))


def _header_text(path: Path) -> str:
    try:
        raw = read_whole(path, MAX_HEADER_BYTES)
    except OSError as error:
        raise _not_a_header(path, error.strerror or str(error)) from error
    try:
        return decoded(raw).content
    except UnicodeDecodeError as error:
        raise _not_a_header(path, f"text that does not hold to its mark of {error.encoding}") from error


def _parse(path: Path, text: str) -> tuple[dict[str, str], list[dict[str, str]], bool]:
    """Attributes of `info`, of every `chunk`, and whether the header had to be read by pattern."""
    try:
        root = fromstring(text)
        info, chunks = root.find("info"), root.findall("chunk")
        if info is not None:
            return dict(info.attrib), [dict(chunk.attrib) for chunk in chunks], False
    except DefusedXmlException as error:
        raise _not_a_header(path, f"XML with entities or a document type: {error}") from error
    except ParseError:
        pass  # writers that emit keys such as `"ssi-v "`; the tags themselves still read
    infos = re.findall(r"<info\b([^>]*)>", text)
    if not infos:
        raise _not_a_header(path, "no <info> element")
    return (
        _attributes(infos[0]),
        [_attributes(chunk) for chunk in re.findall(r"<chunk\b([^>]*)>", text)],
        True,
    )


def _attributes(tag: str) -> dict[str, str]:
    return dict(re.findall(r"""([\w-]+)[\s"']*=\s*"([^"]*)\"""", tag))


def _check(path: Path, header: SsiHeader) -> None:
    if header.type not in TYPES or header.byte not in TYPES[header.type][1]:
        raise _not_a_header(path, f"element type {header.type!r} of {header.byte} bytes")
    if not (RATES_HZ[0] <= header.rate <= RATES_HZ[1] and 0 < header.dim <= MAX_DIM):
        raise _not_a_header(path, f"sr={header.rate} dim={header.dim}")
    if any(chunk.rows < 0 or chunk.offset < 0 for chunk in header.chunks):
        raise _not_a_header(path, "a chunk with a negative num or byte")
    if any(chunk.offset + chunk.rows * header.row_bytes > MAX_BODY_BYTES for chunk in header.chunks):
        raise _not_a_header(path, "a chunk with more bytes than any file has")


def _not_a_header(path: Path, found: str) -> DataError:
    return DataError(
        path,
        found,
        "an SSI stream header: <stream><info ftype sr dim byte type/><chunk byte num/></stream>",
        "copy the .stream file again from the corpus as its owner distributes it",
    )


def _body_size(header_path: Path) -> int:
    body = body_path(header_path)
    try:
        return check_regular(body).st_size
    except OSError as error:
        raise DataError(
            body,
            error.strerror or str(error),
            "the body of the stream beside its header",
            "copy the *.stream~ files again: they are data, but backup cleaners, .gitignore and rsync rules "
            "take names that end in ~ for backups and delete them",
        ) from error


def _spans(header: SsiHeader, size: int) -> list[SsiChunk]:
    """Chunks as they lie in a body of `size` bytes, cut to whole rows."""
    if not header.rows:
        return [SsiChunk(0, size // header.row_bytes)] if size >= header.row_bytes else []
    chunks = [chunk for chunk in header.chunks if chunk.rows]
    follow = np.cumsum([0] + [chunk.rows * header.row_bytes for chunk in chunks[:-1]]).tolist()
    if any(chunk.offset < end for chunk, end in zip(chunks, follow, strict=True)):
        # offsets that overlap were never filled in: the chunks follow each other
        chunks = [SsiChunk(offset, chunk.rows) for offset, chunk in zip(follow, chunks, strict=True)]
    spans = [SsiChunk(c.offset, min(c.rows, max(size - c.offset, 0) // header.row_bytes)) for c in chunks]
    return [span for span in spans if span.rows]
