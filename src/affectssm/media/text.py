"""Text as recorders, spreadsheets and editors save it: in which encoding, in which lines, with which decimals.

Nothing here is guessed silently: a text that is not UTF-8 comes with a note that says how it was read.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from affectssm.errors import DataError
from affectssm.store.files import read_whole

_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_LINE_END = re.compile(r"\r\n|\r|\n")
# the longer mark first: that of UTF-32 begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SHOWN = 60
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_CHINESE = (
    1.8  # bytes beyond ASCII follow each other: two a character; in Western texts they mostly stand alone
)


@dataclass(frozen=True)
class Text:
    """A file's text.

    Attributes:
        content: all of it, without a byte-order mark.
        encoding: in which it was read.
        problems: (fault code, what was found) where it was not UTF-8.
    """

    content: str
    encoding: str
    problems: list[tuple[str, str]]

    @property
    def lines(self) -> list[str]:
        """Its lines; only CR, LF and both end one, not the many characters that ``str.splitlines`` breaks at."""
        lines = _LINE_END.split(self.content)
        return lines if lines[-1] else lines[:-1]


def read_text(path: Path, error: type[DataError] = DataError, *, limit: int) -> Text:
    """Read a text file: UTF-8, UTF-16 or UTF-32 by its mark or its zeros, else GB 18030 (Chinese) or latin-1.

    Args:
        path: the file.
        error: the kind of error to raise.
        limit: bytes at most.

    Raises:
        DataError: (as ``error``) if it cannot be read, is larger than ``limit``, or its encoding does not hold to
            the end.
    """
    try:
        raw = read_whole(path, limit)
    except OSError as cause:
        raise error(
            path, cause.strerror or str(cause), "a text file", "mend the file or its rights"
        ) from cause
    try:
        return decoded(raw)
    except UnicodeDecodeError as cause:
        raise error(
            path, f"text that begins as {cause.encoding} and breaks off at byte {cause.start}",
            "text in UTF-8", "copy the file again, or save it as UTF-8",
        ) from cause  # fmt: skip


def decoded(raw: bytes) -> Text:
    """Return the text of bytes.

    Raises:
        UnicodeDecodeError: if they bear the mark of UTF-16 or UTF-32 and do not hold to it.
    """
    marked = next((name for mark, name in _MARKS if raw.startswith(mark)), "")
    if marked in ("utf-16", "utf-32"):
        return Text(raw.decode(marked), marked, [("wide_text", f"{marked.upper()} text")])
    guessed = _by_zeros(raw)
    if guessed:
        try:
            return Text(
                raw.decode(guessed), guessed, [("wide_text", f"{guessed.upper()} text without a mark")]
            )
        except UnicodeDecodeError:
            pass  # zeros that mean something else
    try:
        return Text(raw.decode("utf-8-sig"), "utf-8", [])
    except UnicodeDecodeError as error:
        found = f"byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8"
    raw = raw.removeprefix(codecs.BOM_UTF8)
    beyond = _BEYOND_ASCII.findall(raw)
    if sum(map(len, beyond)) >= _CHINESE * len(beyond):
        try:
            return Text(raw.decode("gb18030"), "gb18030", [("gb18030_text", found)])
        except UnicodeDecodeError:
            pass
    return Text(raw.decode("latin-1"), "latin-1", [("latin1_text", found)])


def number(text: str) -> float | None:
    """Return the number a text is, with a decimal point or a decimal comma, or None where it is none.

    What Python takes for a number beside those (``1_0``, ``inf``, ``nan``, digits of other scripts) is none, nor is
    one beyond the range of a float.
    """
    text = text.strip()
    value = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else float("inf")
    return value if abs(value) < float("inf") else None


def quoted(text: str) -> str:
    """Return a text as a message quotes it: printable, and no longer than needed to find it."""
    return ascii(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _by_zeros(raw: bytes) -> str:
    """Return UTF-16's name where half of the first bytes are zeros, as in Latin letters without a mark."""
    head = raw[: 1 << 10]
    even, odd = head[::2], head[1::2]
    most = max(0.9 * len(odd), 2)
    if odd.count(0) >= most and not even.count(0):
        return "utf-16-le"
    return "utf-16-be" if even.count(0) >= most and not odd.count(0) else ""
