"""What lies under a corpus' root: one walk, names, sizes and times only. Nothing heavy is imported here.

Symbolic links are followed, wherever they lead: labs link single sessions or whole trees from other disks
into one root, and whoever may write there owns the corpus. A link back to a folder above it is not entered, nor is
what this workflow wrote itself (:mod:`affectssm.store.own`). Files are regular ones: FIFOs, sockets, devices and
folders under a file's name are told, and not read.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from affectssm.errors import DataError
from affectssm.store.files import kind_of
from affectssm.store.own import MARKS, is_own

SPLIT_FOLDER = re.compile(
    r"(?P<tree>engagement-annotations-|precomputed-features-|originalaudiovideo-)?"
    r"(?P<split>train|val|test-base|test-additional|test)",
    re.IGNORECASE,
)
MAX_DEPTH = 12
_NAME = attrgetter("name")


class Entry(NamedTuple):
    """A file: its path relative to the root in parts, bytes, and modification time in nanoseconds."""

    parts: tuple[str, ...]
    size: int
    mtime_ns: int

    @property
    def rel(self) -> str:
        """POSIX path relative to the root."""
        return "/".join(self.parts)


@dataclass
class Listing:
    """Files of the kinds a corpus consists of, folders right below split folders, and what cannot be read.

    ``names`` are the ends of its files' names; with ``strays`` all other files are listed, too. ``own`` are the folders
    that this workflow wrote, which are left out. ``pictures`` matches the names of folders whose folders hold a
    video's pictures each; those are told in ``folders``, with their own time and a size of 0, and not entered.
    """

    root: Path
    names: tuple[str, ...]
    split_folder: re.Pattern[str] = SPLIT_FOLDER
    strays: bool = False
    pictures: re.Pattern[str] | None = None
    folders: list[Entry] = field(default_factory=list)
    files: list[Entry] = field(default_factory=list)
    sessions: list[tuple[str, ...]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    own: list[str] = field(default_factory=list)


def check_root(root: Path, what: str) -> None:
    """Refuse a root that is no folder, naming what comes nearest.

    Raises:
        DataError: the root does not exist or is a file.
    """
    if root.is_dir():
        return
    if root.exists():
        found = "a file" if root.is_file() else "something that is no folder"
    else:
        found = "no such folder" + _nearest(root)
    raise DataError(
        root, found, f"the folder of {what}", "give the folder that was unpacked from the owner's download"
    )


def walk(
    root: Path,
    names: tuple[str, ...],
    skip: Path | None = None,
    strays: bool = False,
    split_folder: re.Pattern[str] = SPLIT_FOLDER,
    pictures: str = "",
) -> Listing:
    """List the files of a root whose names end in one of `names`, in either case, once and in sorted order.

    With `strays` all other files are listed, too.

    Folders below a session folder are not entered, nor hidden ones, nor `skip` (the ground-truth root, where
    it lies inside), nor folders of `pictures`, as :class:`affectssm.vocabulary.corpora.Corpus` has them.
    """
    listing = Listing(root, names, split_folder, strays, picture_names(pictures))
    barred = {_identity(skip)} if skip is not None and skip.is_dir() else set()
    _walk(listing, os.fspath(root), (), barred | {_identity(root)})
    return listing


def listing_fingerprint(
    root: Path, names: tuple[str, ...], ground_truth: Path | None = None, pictures: str = ""
) -> str:
    """16 hex digits over names, sizes and times of the files below both roots whose names end so; a cheap look.

    Of a folder of pictures the time counts, which changes with a picture that comes or goes.

    A root that does not exist hashes as such: the discovery itself says what is wrong.
    """
    digest = hashlib.sha256()
    for base in (root, ground_truth):
        digest.update(b"\0base\0")
        if base is None or not base.is_dir():
            continue
        listing = walk(base, names, skip=ground_truth if base is root else None, pictures=pictures)
        for line in _fingerprint_lines(listing):
            digest.update(line.encode())
    return digest.hexdigest()[:16]


def _fingerprint_lines(listing: Listing) -> Iterator[str]:
    yield from (f"{entry.rel}\0{entry.size}\0{entry.mtime_ns}\n" for entry in listing.files)
    yield from (f"{'/'.join(parts)}\n" for parts in listing.sessions)
    yield from (f"{rel}\0{reason}\n" for rel, reason in listing.unreadable)
    yield from (f"{rel}\0own\n" for rel in listing.own)
    yield from (f"{entry.rel}\0{entry.mtime_ns}\0pictures\n" for entry in listing.folders)


def _walk(listing: Listing, folder: str, parts: tuple[str, ...], barred: set[tuple[int, int]]) -> None:
    """Add what lies in `folder`; `barred` are the folders not to enter: those above it, and `skip`."""
    session, holds_files = is_session_folder(parts, listing), False
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=_NAME)
        unread = ""
    except OSError as error:
        entries, unread = [], error.strerror or str(error)
    # looked for among the names that are read anyway: to ask for each mark in each folder takes as long as the walk
    if parts and any(entry.name in MARKS for entry in entries) and is_own(folder):
        listing.own.append("/".join(parts))
        return
    if session:
        listing.sessions.append(parts)
    if unread:
        listing.unreadable.append(("/".join(parts), unread))
    for entry in entries:
        if not entry.name.isprintable():  # control characters, bytes that are not UTF-8
            listing.unreadable.append(
                (ascii("/".join((*parts, entry.name)))[1:-1], "a name that cannot be shown")
            )
            continue
        try:
            if entry.is_dir():
                _enter(listing, entry, parts, barred, session and holds_files)
            elif listing.strays or is_named(entry.name, listing.names):
                holds_files |= _add(listing, entry, parts)
        except OSError as error:  # a dangling link, a folder without rights
            listing.unreadable.append(("/".join((*parts, entry.name)), error.strerror or str(error)))


def _add(listing: Listing, entry: os.DirEntry[str], parts: tuple[str, ...]) -> bool:
    """Add a file and return True; what is none is told, for to open it might take for ever."""
    stat = entry.stat()
    kind = kind_of(stat.st_mode)
    if kind:
        listing.unreadable.append(("/".join((*parts, entry.name)), f"{kind}, no regular file"))
    else:
        name = sys.intern(entry.name)  # sessions have the same names
        listing.files.append(Entry((*parts, name), stat.st_size, stat.st_mtime_ns))
    return not kind


def _enter(
    listing: Listing,
    entry: os.DirEntry[str],
    parts: tuple[str, ...],
    barred: set[tuple[int, int]],
    closed: bool,
) -> None:
    """Enter a folder, unless what it lies in is `closed`: folders of a session that holds files are not entered."""
    hidden = entry.name.startswith(".") and not entry.name.startswith("..")
    if hidden or len(parts) >= MAX_DEPTH:
        return
    if is_named(entry.name, listing.names) and not is_session_folder((*parts, entry.name), listing):
        _add(listing, entry, parts)  # a folder under a file's name
        return
    if closed:
        return
    identity = _identity(entry)
    if identity in barred:
        return
    inner = (*parts, entry.name)
    if is_picture_folder(inner, listing):
        listing.folders.append(Entry(inner, 0, entry.stat().st_mtime_ns))
        return
    _walk(listing, entry.path, inner, barred | {identity})


def is_named(name: str, names: tuple[str, ...]) -> bool:
    """Whether a name ends in one of `names`, in either case."""
    return name.lower().endswith(names)


def own_text(listing: Listing) -> str:
    """Return what to say of a root in which nothing was found beside this workflow's own output."""
    return f"; left out because affectssm wrote it: {', '.join(listing.own[:3])}" if listing.own else ""


def is_session_folder(parts: tuple[str, ...], listing: Listing) -> bool:
    """Whether a folder lies right below a split folder and is not one itself (a parallel tree of MPIIGI)."""
    if not parts:
        return False
    above = parts[-2] if len(parts) > 1 else listing.root.name
    return bool(listing.split_folder.fullmatch(above)) and not listing.split_folder.fullmatch(parts[-1])


def picture_names(pictures: str) -> re.Pattern[str] | None:
    """Return the names of folders of folders of pictures, as a corpus has them, in either case."""
    return re.compile(pictures, re.IGNORECASE) if pictures else None


def is_picture_folder(parts: tuple[str, ...], listing: Listing) -> bool:
    """Whether a folder holds the pictures of one video; a folder of such folders may lie in one of its own name."""
    if listing.pictures is None or not parts:
        return False
    above = parts[-2] if len(parts) > 1 else listing.root.name
    return bool(listing.pictures.fullmatch(above)) and not listing.pictures.fullmatch(parts[-1])


def _identity(folder: Path | os.DirEntry[str]) -> tuple[int, int]:
    stat = folder.stat()
    return stat.st_dev, stat.st_ino


def _nearest(root: Path) -> str:
    """Name the deepest existing folder above and the entry there that comes nearest to what was asked for."""
    parent, missing = root.absolute(), ""
    while not parent.is_dir():
        if parent.parent == parent:
            return ""
        parent, missing = parent.parent, parent.name
    try:
        near = difflib.get_close_matches(
            missing, sorted(entry.name for entry in parent.iterdir()), n=3, cutoff=0.5
        )
    except OSError:
        near = []
    names = f", where there is {', '.join(near)}" if near else ""
    return f"; {parent} exists{names}"
