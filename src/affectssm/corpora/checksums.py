"""Fingerprints of the files behind manifest rows, by content or by size and time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from affectssm.corpora.manifest import STREAM_KINDS, StreamRow
from affectssm.media.ssi import body_path
from affectssm.store.faults import FaultLog

THREADS = 4  # hashing and reading release the interpreter
BLOCK = 1 << 20


def with_checksums(
    rows: list[StreamRow], bases: Mapping[str, Path], method: Literal["sha256", "mtime"], log: FaultLog
) -> list[StreamRow]:
    """Rows with their checksum; a file that cannot be read to its end is reported and its row left out."""
    files = {(row.base, row.path): row for row in rows}  # many trials may lie in one file
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
        checksums = pool.map(partial(_checksum, bases=bases, method=method), files.values())
        found = dict(zip(files, checksums, strict=True))
    kept = []
    for row in rows:
        checksum, reason = found[row.base, row.path]
        if checksum:
            kept.append(replace(row, checksum=checksum))
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


def _checksum(row: StreamRow, bases: Mapping[str, Path], method: str) -> tuple[str, str]:
    """(checksum, "") of a row's files, or ("", reason)."""
    path = bases[row.base] / row.path
    paths = [path, body_path(path)] if row.kind in STREAM_KINDS else [path]
    digest, stamps = hashlib.sha256(), []
    try:
        for each in paths:
            if method == "mtime":
                stat = each.stat()
                stamps.append(f"{stat.st_size}:{stat.st_mtime_ns}")
            else:
                with each.open("rb") as file:
                    while block := file.read(BLOCK):
                        digest.update(block)
    except OSError as error:
        return "", error.strerror or str(error)
    return (f"mtime:{'+'.join(stamps)}" if method == "mtime" else f"sha256:{digest.hexdigest()}"), ""
