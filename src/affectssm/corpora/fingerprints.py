"""The checksums of a manifest's rows, from what was read before where that counts; what they are says `checksums`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal

from affectssm.corpora.checksums import files_of, fingerprint, with_checksums
from affectssm.corpora.manifest import StreamRow
from affectssm.corpora.memory import current
from affectssm.corpora.progress import Progress
from affectssm.corpora.readings import Reading
from affectssm.store.faults import FaultLog
from affectssm.vocabulary.kinds import CROPS

AHEAD = 512  # files that are hashed together

_File = tuple[str, str]  # base and path


def with_fingerprints(
    rows: list[StreamRow], bases: Mapping[str, Path], method: Literal["sha256", "mtime"], log: FaultLog
) -> list[StreamRow]:
    """Return rows with their checksum; a file that cannot be read to its end is reported and its row left out.

    Rows that have one keep it. A file whose content was hashed before is not read again while its size, times and
    inode are the same.
    """
    files = {(row.base, row.path): row for row in rows if not row.checksum and row.kind != CROPS}
    found = dict(_fingerprints(files, bases, method, log.corpus))
    made = []
    for row in rows:
        checksum, changed_ns = ("", 0) if row.checksum else found.get((row.base, row.path), ("", 0))
        own = {"checksum": checksum, "changed_ns": changed_ns}
        made.append(StreamRow(**(vars(row) | own)) if checksum else row)
    left = [row for row in made if not row.checksum]
    return _joined(made, with_checksums(left, bases, method, log)) if left else made


def _fingerprints(
    files: Mapping[_File, StreamRow], bases: Mapping[str, Path], method: str, corpus: str
) -> Iterator[tuple[_File, tuple[str, int]]]:
    """Yield files with their checksum and when they last changed; the time left goes by their bytes."""
    if method == "mtime":
        yield from ((key, _checksum(_hashing(row, bases[row.base]), method)) for key, row in files.items())
        return
    progress, total = Progress(corpus, "files hashed", len(files)), sum(row.bytes for row in files.values())
    waiting, done, read = iter(files.items()), 0, 0
    while some := list(islice(waiting, AHEAD)):
        readings = [_hashing(row, bases[row.base]) for _, row in some]
        current().ahead(readings)
        yield from (
            (key, _checksum(reading, method)) for (key, _), reading in zip(some, readings, strict=True)
        )
        done, read = done + len(some), read + sum(row.bytes for _, row in some)
        progress.said(done, read / total if total else None)


def _checksum(hashing: Reading, method: str) -> tuple[str, int]:
    """Return the checksum of a row's files and when they last changed; "" and 0 where they cannot be read."""
    memory = current()
    try:
        if method == "sha256":
            return memory.stamped(hashing)
        # its time first: what changes meanwhile changes it
        changed_ns = hashing.stamp().changed_ns
        return fingerprint(hashing.files, method), changed_ns
    except OSError:
        return "", 0


def _hashing(row: StreamRow, base: Path) -> Reading:
    """Return what is to be read of a row's files; what a SHA-256 is no code of ours decides."""
    files = tuple(files_of(row, base))
    return Reading(_sha256, files[0], files[1:], files, name="sha256")


def _sha256(*files: Path) -> str:
    return fingerprint(files, "sha256")


def _joined(rows: list[StreamRow], looked_at_again: list[StreamRow]) -> list[StreamRow]:
    """Put rows that have a checksum after all where they were; rows without one are left out."""
    again = {_identity(row): row for row in looked_at_again}
    found = (row if row.checksum else again.get(_identity(row)) for row in rows)
    return [row for row in found if row is not None]


def _identity(row: StreamRow) -> tuple[str, ...]:
    return row.recording, row.participant, row.kind, row.base, row.path
