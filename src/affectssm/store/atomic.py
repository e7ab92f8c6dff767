"""Files that are either whole or absent.

A file is written beside its target under a name no other process uses, closed, validated and moved into place with
``os.replace``: a killed job leaves an orphan that nothing reads, never a half-written result.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from affectssm.errors import DataError


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Let what the system refuses be an error of the file that is being written.

    Raises:
        DataError: for an OSError.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            target,
            f"writing failed: {error.strerror or error}",
            "a folder with room and the right to write",
            "free space or mend the rights, then run the same command again; what was finished is kept",
        ) from error


@contextmanager
def staged(path: Path | str, validate: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success validate it and move it into place.

    Args:
        path: the final file; its folder is made when missing.
        validate: called with the closed temporary file; raises if the file is not what it should be.

    Raises:
        DataError: if the file cannot be written (a full disk, missing rights). Whatever stood at ``path`` before stays.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if validate is not None:
                validate(temporary)
            os.replace(temporary, target)  # noqa: PTH105 - the one call whose atomicity everything leans on
    finally:
        with suppress(OSError):  # what keeps it from being removed kept it from being made
            temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` (UTF-8) atomically."""
    with staged(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write ``value`` as sorted, indented JSON atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
