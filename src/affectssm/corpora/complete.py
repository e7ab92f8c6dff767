"""Whether a root holds a whole corpus: what its parts are, which are there, and where the others may lie.

Names alone are looked at. A root one level too deep holds a part (``NoXi/train``), one too high may hold the corpus
twice; either would be extracted without a word, and be noticed in the table.
"""

from __future__ import annotations

import importlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from affectssm.corpora.listing import (
    SPLIT_FOLDER,
    Entry,
    Listing,
    is_named,
    is_picture_folder,
    is_session_folder,
    picture_names,
)
from affectssm.corpora.manifest import is_test_split
from affectssm.corpora.memory import walk_once
from affectssm.errors import DataError
from affectssm.settings.corpora import PlaceSettings
from affectssm.store.own import is_own
from affectssm.vocabulary.corpora import CORPORA

LABELS, SIGNALS, RATINGS = "labels", "signals", "ratings"  # parts, beside the splits
LEVELS_ABOVE = 3  # looked at for a better root
FOLDERS_ABOVE = 2000  # entered there: what lies above a root may be a whole archive


@dataclass(frozen=True)
class Look:
    """What a root holds by the names of its files.

    Attributes:
        counts: part -> how many (sessions of a split, label files, subjects, tables); absent parts are not in it.
        copies: folders that hold the same files of the corpus, where most of it is there more than once.
    """

    counts: Mapping[str, int]
    copies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    """What a corpus is made of.

    Attributes:
        title: the owner's name for it.
        units: part -> what is counted, in words; all of them are needed.
        look: finds them in a listing.
        split_folder: names of the folders whose folders are sessions.
    """

    title: str
    units: Mapping[str, str]
    look: Callable[[Listing], Look]
    split_folder: re.Pattern[str] = SPLIT_FOLDER


def whole(corpus: str, settings: PlaceSettings) -> Whole:
    """Return what a corpus is made of, as its module says it."""
    return importlib.import_module(CORPORA[corpus].reader).whole(settings)


def check_complete(
    corpus: str, root: Path, settings: PlaceSettings, ground_truth: Path | None = None
) -> Look:
    """Return what a root holds, and refuse one that holds a part of the corpus, or the corpus more than once.

    A root in which nothing is found passes, unless a folder above it holds more: the discovery knows what else may be
    wrong with it.

    Raises:
        DataError: a part is not there and ``settings.lacks`` does not name it, or most files are there twice.
    """
    made_of = whole(corpus, settings)
    if not root.is_dir():
        return Look({})
    files, pictures = CORPORA[corpus].files, CORPORA[corpus].pictures
    listing = walk_once(root, files, ground_truth, made_of.split_folder, pictures)
    look = made_of.look(listing)
    if look.copies:
        raise DataError(
            root,
            f"{made_of.title} more than once: {', '.join(look.copies)}",
            "one copy of the corpus",
            f"let corpora.{corpus}.root name one of them",
        )
    missing = _missing(made_of, look, settings)
    better = _better(corpus, root, look, settings) if missing else None
    if missing and (look.counts or better):
        raise _incomplete(corpus, made_of, root, look, missing, better)
    return look


def _missing(made_of: Whole, look: Look, settings: PlaceSettings) -> list[str]:
    return [
        part
        for part in made_of.units
        if part not in look.counts and part not in getattr(settings, "lacks", ())
    ]


def in_words(made_of: Whole, look: Look) -> str:
    """Return what a root holds: ``train: 38 sessions, val: 10 sessions``."""
    found = [
        f"{part}: {look.counts[part]} {unit}" for part, unit in made_of.units.items() if part in look.counts
    ]
    return ", ".join(found) or f"nothing of {made_of.title}"


def _incomplete(
    corpus: str, made_of: Whole, root: Path, look: Look, missing: list[str], better: tuple[Path, Look] | None
) -> DataError:
    above = f"; above it, {better[0]} holds {in_words(made_of, better[1])}" if better else ""
    lackable = [part for part in missing if is_test_split(part) or (corpus != "noxi" and part != SIGNALS)]
    remedy = f"did you mean {better[0]}? " if better else ""
    remedy += f"let corpora.{corpus}.root name the folder that holds all parts, and unpack what is not there"
    if lackable and look.counts:
        remedy += f"; name what you do not hold in corpora.{corpus}.lacks: [{', '.join(lackable)}]"
    return DataError(
        root,
        f"{in_words(made_of, look)}; without {', '.join(missing)}{above}",
        f"all of {made_of.title}: {', '.join(made_of.units)}",
        remedy,
    )


def _better(corpus: str, root: Path, look: Look, settings: PlaceSettings) -> tuple[Path, Look] | None:
    """Return the nearest folder above that holds most parts, each once, if it holds more than the root.

    Something of the root must be among them: what lies beside it is another copy, or the demo's.
    """
    made_of = whole(corpus, settings)
    best: tuple[Path, Look] | None = None
    most = len(look.counts)
    for folder in list(root.absolute().parents)[:-1][:LEVELS_ABOVE]:  # never all that the machine has
        listing = _glimpse(folder, CORPORA[corpus].files, made_of.split_folder, CORPORA[corpus].pictures)
        inside = root.absolute().relative_to(folder).parts
        found = made_of.look(listing)
        ours = any(entry.parts[: len(inside)] == inside for entry in (*listing.files, *listing.folders))
        if ours and len(found.counts) > most and not found.copies:
            best, most = (folder, found), len(found.counts)
        if best and not _missing(made_of, best[1], settings):
            break
    return best


def _glimpse(
    root: Path, files: tuple[str, ...], split_folder: re.Pattern[str] = SPLIT_FOLDER, pictures: str = ""
) -> Listing:
    """List a folder from the top down until FOLDERS_ABOVE were entered; sizes and times are not asked for."""
    listing = Listing(root, files, split_folder, pictures=picture_names(pictures))
    waiting: deque[tuple[str, ...]] = deque([()])
    entered = 0
    while waiting and entered < FOLDERS_ABOVE:
        parts = waiting.popleft()
        folder = root.joinpath(*parts)
        if parts and is_own(folder):
            continue
        entered += 1
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            inner = (*parts, entry.name)
            if entry.name.startswith(".") or not entry.name.isprintable():
                continue
            if entry.is_dir(follow_symlinks=False) and is_picture_folder(inner, listing):
                listing.folders.append(Entry(inner, 0, 0))
            elif entry.is_dir(follow_symlinks=False):
                if is_session_folder(inner, listing):
                    listing.sessions.append(inner)
                waiting.append(inner)
            elif is_named(entry.name, files):
                listing.files.append(Entry(inner, 0, 0))
    return listing


def copies_of(root: Path, files: Iterable[list[Entry]], levels: int) -> tuple[str, ...]:
    """Return the folders that hold what should be there once, where more than half of it is there more than once.

    Args:
        root: the root.
        files: for each thing that should be there once, the files found.
        levels: how many folders above a file make no copy of the corpus: its session's and its split's.
    """
    trees: dict[tuple[str, ...], None] = {}
    total = several = 0
    for entries in files:
        places = {entry.parts[: -1 - levels] for entry in entries}
        total += 1
        if len(places) > 1:
            several += 1
            trees |= dict.fromkeys(sorted(places))
    if 2 * several <= total:
        return ()
    return tuple(str(root.joinpath(*parts)) for parts in list(trees)[:4])
