"""How files that others wrote are opened: regular ones only, and never more of them than is expected.

A FIFO under a file's name would be waited for without end, and a link to a device such as ``/dev/zero`` has no end at
all, although its size is 0.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 20
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def kind_of(mode: int) -> str:
    """Return what a path with this ``st_mode`` is, in words; "" for a regular file."""
    if stat.S_ISREG(mode):
        return ""
    return next((name for is_one, name in _KINDS if is_one(mode)), "something that is no file")


def check_regular(path: Path | str) -> os.stat_result:
    """Return the status of a regular file (links are followed), without opening it.

    Raises:
        OSError: if it is absent or something else; ``strerror`` says what.
    """
    found = Path(path).stat()
    _refuse_other(path, found.st_mode)
    return found


def open_regular(path: Path | str) -> BinaryIO:
    """Open a regular file for reading; anything else is refused without waiting for it.

    Raises:
        OSError: if it is absent, something else, or may not be read.
    """
    check_regular(path)
    # O_NONBLOCK: a FIFO that has taken the file's place since would wait for a writer; to files it means nothing
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _refuse_other(path, os.fstat(handle).st_mode)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_whole(path: Path | str, limit: int) -> bytes:
    """Return a regular file's bytes, of which there are ``limit`` at most.

    Raises:
        OSError: as :func:`open_regular`, and for a file that is larger, whatever size it claims.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        # what is asked for is set aside at once: the size that is claimed, not the limit
        found = b"" if size > limit else file.read(size + 1)
        # a file that claims to be empty (below /proc) or grows meanwhile is read up to the limit, and no further
        while size < len(found) <= limit and (more := file.read(min(_BLOCK, limit + 1 - len(found)))):
            found += more
    if size > limit or len(found) > limit:
        raise OSError(errno.EFBIG, f"{max(size, len(found))} bytes, where {limit} are the most", str(path))
    return found


def _refuse_other(path: Path | str, mode: int) -> None:
    kind = kind_of(mode)
    if kind:
        raise OSError(errno.EINVAL, f"{kind}, no regular file", str(path))
