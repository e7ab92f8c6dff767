"""The boundary around everything that is done with one file of other people's.

Files are damaged in more ways than readers can know. What a reader raises that nobody foresaw is that file's fault: it
becomes an :class:`~affectssm.errors.UnexpectedError`, which becomes a row ``unexpected`` of the fault table, with the
traceback in the log, and the other files go on.

So that errors of our own are not hidden from us, the original error goes through where the environment has
``AFFECTSSM_RAISE_UNEXPECTED`` set to anything but 0; the tests run with it.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affectssm.errors import AffectError, DataError, UnexpectedError

RAISE = "AFFECTSSM_RAISE_UNEXPECTED"
_LOG = logging.getLogger(__name__)
# a full disk, no more open files or memory: the machine's, not the file's
_MACHINE_ERRNO = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_MACHINE_TEXT = ("out of memory", "can't allocate memory", "CUDA error", "CUDNN_STATUS", "HIP error")


@contextmanager
def boundary(where: Path | str) -> Iterator[None]:
    """Let nothing but an :class:`AffectError` out of what is done with one file.

    Memory that is lacking, a full disk, a package that cannot be imported and an interruption say nothing about the
    file and go through as they are.

    Args:
        where: the file, or what is made of it, for the message.

    Raises:
        DataError: for a file that the system does not let us read.
        UnexpectedError: for whatever else was raised, but for AffectErrors, which go through.
    """
    try:
        yield
    except (AffectError, MemoryError, ImportError):
        raise
    except Exception as error:
        if _of_the_machine(error):
            raise
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(
                where,
                f"not readable: {error.strerror or error}",
                "a file that can be read",
                "restore the file, or mend its rights",
            ) from error
        if os.environ.get(RAISE, "0") != "0":
            raise
        _LOG.exception("unexpected error at %s; it is left out", where)
        raise UnexpectedError(
            where,
            f"{type(error).__name__}: {_short(str(error))}",
            "a file that can be read",
            "copy the file again from its source; if it is whole, report this with the traceback in the log",
        ) from error


def _of_the_machine(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _MACHINE_ERRNO
    torch = sys.modules.get("torch")  # where it is not imported nothing of it can be raised
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _MACHINE_TEXT)


def _short(text: str, limit: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit] + "..."
