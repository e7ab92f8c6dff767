"""Fingerprints of the files behind manifest rows, by content or by size and time.

A folder of pictures (kind ``crops``) goes by the names and sizes of its pictures, or by their times too: millions of
them are not read to be hashed.

Discovery takes them and every later reader compares them: a manifest describes the files that it was made of. A file
whose status did not change since is not read again: its content cannot have changed.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from affectssm.corpora.manifest import StreamRow
from affectssm.corpora.pictures import read_pictures
from affectssm.errors import DataError
from affectssm.media.ssi import body_path
from affectssm.store.faults import FaultLog
from affectssm.store.files import check_regular, open_regular
from affectssm.vocabulary.kinds import CROPS, STREAM_KINDS

THREADS = 4  # hashing and reading release the interpreter
BLOCK = 1 << 20
_NOT_IT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL)  # nothing there, or no regular file


def with_checksums(
    rows: list[StreamRow], bases: Mapping[str, Path], method: Literal["sha256", "mtime"], log: FaultLog
) -> list[StreamRow]:
    """Rows with their checksum; a file that cannot be read to its end is reported and its row left out.

    Rows that have one keep it.
    """
    files = {(row.base, row.path): row for row in rows}  # many trials may lie in one file
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        checksums = pool.map(partial(_checksum, bases=bases, method=method), files.values())
        found = dict(zip(files, checksums, strict=True))
    kept = []
    for row in rows:
        checksum, changed_ns, reason = found[row.base, row.path]
        if checksum:
            kept.append(replace(row, checksum=checksum, changed_ns=changed_ns))
        else:
            log.add(
                "unreadable_file",
                recording=row.recording,
                participant=row.participant,
                stream=row.kind,
                found=reason,
                expected="a file that can be read to its end",
                action="quarantined",
            )
    return kept


def _checksum(row: StreamRow, bases: Mapping[str, Path], method: str) -> tuple[str, int, str]:
    """Checksum of a row's files, when they last changed, and ""; or "", 0 and the reason."""
    if row.checksum:
        return row.checksum, row.changed_ns, ""
    paths = files_of(row, bases[row.base])
    try:
        # before they are read: what changes meanwhile changes it
        changed_ns = 0 if row.kind == CROPS else _last_change(paths)
        return fingerprint(paths, method), changed_ns, ""
    except OSError as error:
        return "", 0, error.strerror or str(error)


def _last_change(paths: Sequence[Path]) -> int:
    return max(check_regular(path).st_ctime_ns for path in paths)


def files_of(row: StreamRow, base: Path) -> list[Path]:
    """Return the files of a row: one, or an SSI stream's header and body; of crops, the folder."""
    path = base / row.path
    return [path, body_path(path)] if row.kind in STREAM_KINDS else [path]


def fingerprint(paths: Sequence[Path], method: str) -> str:
    """Return "sha256:..." over the content of files, or "mtime:..." of their sizes and times.

    Of a folder of pictures it is as :class:`affectssm.corpora.pictures.Pictures` says.

    Raises:
        OSError: if one is absent, no regular file or cannot be read to its end.
    """
    if len(paths) == 1 and paths[0].is_dir():
        return read_pictures(paths[0]).checksums[method]
    if method == "mtime":
        stats = [check_regular(path) for path in paths]
        return f"mtime:{'+'.join(f'{stat.st_size}:{stat.st_mtime_ns}' for stat in stats)}"
    digest = hashlib.sha256()
    for path in paths:
        with open_regular(path) as file:
            left = os.fstat(file.fileno()).st_size  # a file that is being written to has no other end
            while left > 0 and (block := file.read(min(BLOCK, left))):
                digest.update(block)
                left -= len(block)
    return f"sha256:{digest.hexdigest()}"


def check_unchanged(row: StreamRow, base: Path) -> None:
    """Refuse a row's files that are not those its manifest was made of, by what the manifest says of them.

    Raises:
        ChangedError: if one is absent, of another size, or has another fingerprint.
        OSError: if one cannot be read.
    """
    paths = files_of(row, base)
    method = row.checksum.partition(":")[0]
    folder = row.kind == CROPS
    try:
        pictures = read_pictures(paths[0]) if folder else None
        size = pictures.size if pictures else sum(check_regular(path).st_size for path in paths)
    except OSError as error:
        if error.errno not in _NOT_IT:
            raise
        expected = f"{'pictures' if folder else 'a file'} of {row.bytes} bytes"
        raise _changed(paths[0], error.strerror or str(error), expected) from error
    if size != row.bytes:
        raise _changed(paths[0], f"{size} bytes", f"{row.bytes} bytes")
    if row.changed_ns and method == "sha256" and _last_change(paths) == row.changed_ns:
        return
    found = pictures.checksums[method] if pictures else fingerprint(paths, method)
    if found != row.checksum:
        what = ("modification time" if method == "mtime" else "content") if not folder else "set of pictures"
        thing = "pictures" if folder else "a file"
        raise _changed(paths[0], f"{thing} of the same size with another {what}", f"the {what} it had")


class ChangedError(DataError):
    """A file that is not the one its manifest was made of."""


def all_changed(errors: Sequence[ChangedError]) -> ChangedError:
    """Return one error for files that are not those of their manifest."""
    first = errors[0]
    if len(errors) == 1:
        return first
    named = ", ".join(Path(error.where).name for error in errors[1:4])
    rest = f"{named} and others" if len(errors) > 4 else named
    found = f"{first.found}; so {len(errors) - 1} more: {rest}"
    return ChangedError(first.where, found, first.expected, first.remedy)


def _changed(path: Path, found: str, expected: str) -> ChangedError:
    return ChangedError(
        path, found, f"{expected}, as the manifest says", "restore the file, or make the manifest again"
    )
