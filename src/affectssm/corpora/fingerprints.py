"""The checksums of a manifest's rows, from what was read before where that counts; what they are says `checksums`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from affectssm.corpora.checksums import files_of, fingerprint, with_checksums
from affectssm.corpora.manifest import StreamRow
from affectssm.corpora.memory import Memory, Reading, current
from affectssm.corpora.progress import Progress
from affectssm.store.faults import FaultLog
from affectssm.vocabulary.kinds import CROPS

_File = tuple[str, str]  # base and path


def with_fingerprints(
    rows: list[StreamRow], bases: Mapping[str, Path], method: Literal["sha256", "mtime"], log: FaultLog
) -> list[StreamRow]:
    """Return rows with their checksum; a file that cannot be read to its end is reported and its row left out.

    Rows that have one keep it. A file whose content was hashed before is not read again while its size, times and
    inode are the same.
    """
    files = {(row.base, row.path): row for row in rows if not row.checksum and row.kind != CROPS}
    memory = current()
    if method == "sha256" and files:
        _hash_ahead(files, bases, log.corpus, memory)
    found = {key: _checksum(row, bases[row.base], method, memory) for key, row in files.items()}
    made = []
    for row in rows:
        checksum, changed_ns = found.get((row.base, row.path), ("", 0))
        taken = checksum and not row.checksum
        made.append(replace(row, checksum=checksum, changed_ns=changed_ns) if taken else row)
    left = [row for row in made if not row.checksum]
    return _joined(made, with_checksums(left, bases, method, log)) if left else made


def _joined(rows: list[StreamRow], looked_at_again: list[StreamRow]) -> list[StreamRow]:
    """Put rows that have a checksum after all where they were; rows without one are left out."""
    again = {_identity(row): row for row in looked_at_again}
    found = (row if row.checksum else again.get(_identity(row)) for row in rows)
    return [row for row in found if row is not None]


def _identity(row: StreamRow) -> tuple[str, ...]:
    return row.recording, row.participant, row.kind, row.base, row.path


def _hash_ahead(
    files: Mapping[_File, StreamRow], bases: Mapping[str, Path], corpus: str, memory: Memory
) -> None:
    """Hash files, some at a time; the time left goes by their bytes."""
    sizes = [row.bytes for row in files.values()]
    progress, total = Progress(corpus, "files hashed", len(files)), sum(sizes)
    hashed, read = 0, 0

    def said(done: int) -> None:
        nonlocal hashed, read
        read += sum(sizes[hashed:done])
        hashed = done
        progress.said(done, read / total if total else None)

    memory.ahead((_hashing(row, bases[row.base]) for row in files.values()), said)


def _checksum(row: StreamRow, base: Path, method: str, memory: Memory) -> tuple[str, int]:
    """Return the checksum of a row's files and when they last changed; "" and 0 where they cannot be read."""
    hashing = _hashing(row, base)
    try:
        if method == "sha256":
            return memory.stamped(hashing)
        return fingerprint(hashing.files, method), memory.stamp(hashing).changed_ns
    except OSError:
        return "", 0


def _hashing(row: StreamRow, base: Path) -> Reading:
    """Return what is to be read of a row's files; what a SHA-256 is no code of ours decides."""
    files = tuple(files_of(row, base))
    return Reading(_sha256, files[0], files[1:], files, name="sha256")


def _sha256(*files: Path) -> str:
    return fingerprint(files, "sha256")
