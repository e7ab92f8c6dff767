"""A file of a repository, fetched in as many pieces as it takes, and compared with what the hub says of it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import httpx2
from huggingface_hub.errors import HfHubHTTPError

from affectssm.errors import DataError
from affectssm.store.atomic import writing
from affectssm.store.card import sha256
from affectssm.weights.hub import COMMIT, SHA256, Hub, Listing, Remote

PROGRESS = 1 << 20  # bytes: a try that brings fewer is one of a few
_RANGE = re.compile(r"bytes (\d+)-")
Arrived = Callable[[int], None]
"""Told how many bytes of a file are there."""


def download(hub: Hub, listing: Listing, remote: Remote, target: Path, arrived: Arrived) -> str:
    """Fetch a file and return its SHA-256; what was fetched of it before is not fetched again.

    Args:
        hub: which has it.
        listing: of the repository.
        remote: the file.
        target: where it is put when it is whole; until then it is ``{target}.part``.
        arrived: told of the progress.

    Raises:
        AffectError: as :meth:`Hub.patiently`, or if what arrives is not what the hub says that it has.
    """
    if target.is_file():
        arrived(target.stat().st_size)
        return matching(target, remote, hub, listing)
    part = target.with_name(f"{target.name}.part")
    with writing(part), _alone(part) as file:
        remote = _Reading(hub, listing, remote, file, arrived).whole()
        found = matching(part, remote, hub, listing)
        part.replace(target)
    return found


def matching(path: Path, remote: Remote, hub: Hub, listing: Listing) -> str:
    """Return the SHA-256 of a file that is what the hub has; one that was fetched and is not is deleted.

    Raises:
        DataError: if it is not.
    """
    found = sha256(path)
    wrong = differs(path, remote, found)
    if wrong is None:
        return found
    if path.suffix == ".part":
        path.unlink(missing_ok=True)
    raise DataError(
        hub.address_of(listing.repository, listing.commit, remote.name),
        f"{wrong[0]} of what arrived",
        f"{wrong[1]}, as the hub says",
        "run the same command again; if it stays so, something between here and the hub changes files",
    )


def differs(path: Path, remote: Remote, found: str) -> tuple[str, str] | None:
    """Return what a file has and what the hub says, where these differ.

    Args:
        path: the file.
        remote: what the hub says.
        found: the file's SHA-256.
    """
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"{size} bytes", f"{remote.size} bytes"
    if remote.sha256:
        return None if found == remote.sha256 else (f"sha256 {found}", f"sha256 {remote.sha256}")
    if remote.blob and (own := _blob(path)) != remote.blob:
        return f"git blob {own}", f"git blob {remote.blob}"
    return None


def _blob(path: Path) -> str:
    """The SHA-1 that git has of a file; small files are all that it is asked of."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def _alone(part: Path) -> Iterator[BinaryIO]:
    """Open the part of a file that is there, and keep other processes from it while this one lives.

    Raises:
        DataError: if another one writes it.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                part, "another process fetches it", "one at a time", "wait for the other one, or end it"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield file


class _Reading:
    """Reads a file to its end, in as many answers as it takes."""

    def __init__(self, hub: Hub, listing: Listing, remote: Remote, file: BinaryIO, arrived: Arrived) -> None:
        self._hub, self._listing, self.remote = hub, listing, remote
        self._file, self._arrived = file, arrived
        self._before = 0

    def whole(self) -> Remote:
        """Read until the file is as long as the hub says; return what is known of it then.

        Raises:
            AffectError: as :meth:`Hub.patiently`.
        """
        where = self._hub.address_of(self._listing.repository, self._listing.commit, self.remote.name)
        self._hub.patiently(where, self._go_on_or_begin_again, self._brought)
        return self.remote

    def _there(self) -> int:
        self._file.flush()
        return os.fstat(self._file.fileno()).st_size

    def _brought(self) -> bool:
        return self._there() > self._before + PROGRESS

    def _go_on_or_begin_again(self) -> None:
        try:
            self._go_on()
        except HfHubHTTPError as error:
            if error.response.status_code != 416:  # more is there than the hub has
                raise
            self._file.truncate(0)
            self._go_on()

    def _go_on(self) -> None:
        if self.remote.size is not None and self._there() > self.remote.size:
            self._file.truncate(0)
        self._before = self._there()
        self._arrived(self._before)
        if self._before == self.remote.size:
            return
        listing = self._listing
        with self._hub.stream(listing.repository, listing.commit, self.remote.name, self._before) as response:
            self.remote = _told(response, self.remote)
            if self._before and not _goes_on(response, self._before):
                self._file.truncate(0)
            for chunk in response.iter_bytes():  # as they come: what waits for a whole piece would be lost
                self._file.write(chunk)
                self._arrived(self._there())
        if self.remote.size is not None and self._there() < self.remote.size:
            raise httpx2.RemoteProtocolError(f"closed after {self._there()} of {self.remote.size} bytes")


def _told(response: httpx2.Response, known: Remote) -> Remote:
    """Return what is known of a file, and what the hub's own answer says beside it."""
    own = (response.history or [response])[0].headers
    etag = (own.get("X-Linked-Etag") or own.get("ETag") or "").removeprefix("W/").strip('"')
    size = own.get("X-Linked-Size") or ""
    if not size and not response.history and response.status_code == 200:
        size = own.get("Content-Length") or ""
    return replace(
        known,
        size=int(size) if known.size is None and size.isdecimal() else known.size,
        sha256=known.sha256 or (etag if not known.blob and SHA256.fullmatch(etag) else ""),
        blob=known.blob or (etag if not known.sha256 and COMMIT.fullmatch(etag) else ""),
    )


def _goes_on(response: httpx2.Response, first: int) -> bool:
    """Whether an answer begins at the byte that was asked for."""
    found = _RANGE.match(response.headers.get("Content-Range", ""))
    return response.status_code == 206 and found is not None and int(found[1]) == first
