"""The discovery of corpora of clips with one label each, from whatever of the owners' forms lies below a root.

Tables of clips with ``Raw/<video>/<clip>.mp4``, pickles of supplied arrays, and what a corpus has besides. Tables and
ids decide which clips there are, never videos.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from affectssm.corpora.absent import note_listing
from affectssm.corpora.clip_media import add_media
from affectssm.corpora.clip_tables import UNLABELLED, ClipTable, ColumnsError, read_table
from affectssm.corpora.clips import Clip, ClipCorpus, Clips, Piece
from affectssm.corpora.complete import Look, Whole, copies_of
from affectssm.corpora.fingerprints import with_fingerprints
from affectssm.corpora.listing import Entry, Listing, check_root, own_text
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.corpora.memory import walk_once
from affectssm.corpora.supplied import Supplied, Table, check_corpus, read_supplied
from affectssm.errors import ConfigError, DataError
from affectssm.settings.corpora import ClipCorpusSettings
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog
from affectssm.vocabulary.corpora import CORPORA, VIDEOS
from affectssm.vocabulary.kinds import KINDS, TRANSCRIPT

NO_SESSIONS = re.compile(r"(?!)")  # no folder is a session's
HZ = 1.0  # supplied arrays have no time of their own: a row a second, so that each has a time
_TABLE = re.compile(r"(label|meta).*\.csv", re.IGNORECASE)
_ORDER = {kind: at for at, kind in enumerate(KINDS)}
Made = TypeVar("Made")
More = Callable[[Path, Listing, Clips], None]


def discover(
    corpus: ClipCorpus,
    root: Path,
    ground_truth: Path | None,
    settings: ClipCorpusSettings,
    more: More | None = None,
) -> Manifest:
    """Find the clips of a corpus below ``root``.

    Args:
        corpus: which.
        root: the folder.
        ground_truth: must be None.
        settings: of the corpus.
        more: adds what else the corpus comes in.

    Raises:
        ConfigError: for withheld labels, which none of these has.
        DataError: a root that does not exist or holds no clip that can be used, or a table that lacks a column.
    """
    if ground_truth is not None:
        where = f"corpora.{corpus.corpus}"
        raise ConfigError(where, "a folder of withheld labels", "none", "leave --ground-truth out")
    check_root(root, corpus.title)
    log = FaultLog(corpus.corpus)
    listing = walk_once(root, CORPORA[corpus.corpus].files, None, NO_SESSIONS)
    clips = Clips(corpus, log)
    for claim in _claims(root, listing, clips):
        claim()
    if more is not None:
        more(root, listing, clips)
    add_media(root, _ending(listing, *VIDEOS), clips)
    note_listing(listing, log)
    rows = with_fingerprints(clips.finish(), {"root": root}, settings.checksum, log)
    if not rows:
        raise _no_clip(corpus, listing, log)
    return Manifest(sorted(rows, key=_order), log)


def whole(corpus: ClipCorpus, settings: ClipCorpusSettings) -> Whole:
    """Return what a corpus is made of: clips, in any of its forms; how many there are its discovery tells."""

    def look(listing: Listing) -> Look:
        held = [entry for entry in listing.files if not entry.parts[-1].lower().endswith(VIDEOS)]
        videos: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
        for entry in _ending(listing, *VIDEOS):
            videos[entry.parts[-2:]].append(entry)
        counts = Counter(clips=len(held) + len(videos))
        return Look(+counts, copies_of(listing.root, videos.values(), levels=2))

    return Whole(corpus.title, {"clips": "files of clips or of arrays"}, look, NO_SESSIONS)


def tables_of(listing: Listing) -> list[Entry]:
    """Return the tables of clips."""
    return [entry for entry in listing.files if _TABLE.fullmatch(entry.parts[-1])]


def _ending(listing: Listing, *ends: str) -> list[Entry]:
    return [entry for entry in listing.files if entry.parts[-1].lower().endswith(ends)]


def _claims(root: Path, listing: Listing, clips: Clips) -> list[Callable[[], None]]:
    """Return what tables and pickles say, file by file: of unlabelled clips last, for labelled ones decide."""
    corpus = clips.corpus
    found: list[tuple[bool, Callable[[], None]]] = []
    for entry in tables_of(listing):
        table = _read(root, entry, clips.log, read_table)
        if table is not None:
            split = UNLABELLED if _is_unlabelled(corpus, table) else ""
            found.append((bool(split), partial(_add_table, entry, clips, table, split)))
    for entry in _ending(listing, ".pkl"):
        held = _read(root, entry, clips.log, partial(_read_pickle, corpus))
        if held is not None:
            found += [
                (one.split == UNLABELLED, partial(_add_arrays, entry, clips, held, one))
                for one in held.tables
            ]
    return [claim for _, claim in sorted(found, key=itemgetter(0))]


def _read(root: Path, entry: Entry, log: FaultLog, reader: Callable[[Path], Made]) -> Made | None:
    """Return what is read of a file; None, and a fault, for one that cannot be used.

    Raises:
        ColumnsError: for a table that lacks a column.
    """
    try:
        with boundary(root / entry.rel):
            return reader(root / entry.rel)
    except ColumnsError:
        raise
    except DataError as error:
        code = error.code or "unreadable_file"
        log.add(code, stream=entry.rel, found=error.found, expected=error.expected, action="quarantined")
        return None


def _read_pickle(corpus: ClipCorpus, path: Path) -> Supplied:
    found = read_supplied(path)
    check_corpus(path, found, corpus.title, (corpus.audio, corpus.vision))
    return found


def _is_unlabelled(corpus: ClipCorpus, table: ClipTable) -> bool:
    labelled = any(not math.isnan(line.labels[0]) for line in table.values())
    return UNLABELLED in corpus.counts and not labelled


def _add_table(entry: Entry, clips: Clips, table: ClipTable, split: str) -> None:
    """Add the clips of a table, all of them to a split where one is named."""
    for code, found in table.problems:
        expected = "a table of clips in UTF-8, a clip a line"
        clips.log.add(code, stream=entry.rel, found=found, expected=expected, action="ignored")
    for recording, line in table.items():
        clip = clips.claim(line.video, line.clip, split or line.split, line.labels[0], entry)
        if clip is None:
            continue
        clip.listed = True
        if line.text:
            clips.add(clip, TRANSCRIPT, Piece(entry, 0.0, 1, 0))
        else:
            clips.note("empty_transcript", entry, [recording])


def _add_arrays(entry: Entry, clips: Clips, found: Supplied, table: Table) -> None:
    """Add the clips of a table of arrays, but those that an earlier one of the file has."""
    for at, (video, name) in enumerate(table.ids):
        if not video:
            clips.note("unsafe_id", entry, [ascii(name)])
            continue
        clip = clips.claim(video, name, table.split, float(table.labels[at, 0]), entry)
        if clip is None:
            continue
        first, place = found.places[clip.recording]
        if first is not table or place != at:
            clips.note("duplicate_clip", entry, [clip.recording])
            continue
        for kind, array in table.arrays.items():
            _add_array(entry, clips, clip, kind, Piece(entry, HZ, table.length(kind, at), array.shape[2]))


def _add_array(entry: Entry, clips: Clips, clip: Clip, kind: str, piece: Piece) -> None:
    if not piece.frames:
        clips.note("stream_empty", entry, [f"{clip.recording} {kind}"])
    elif kind != "tokens":
        clips.add(clip, kind, replace(piece, duration_s=piece.frames / HZ))
    elif kind not in clip.pieces:  # the aligned and the unaligned file have the same
        clips.add(clip, kind, replace(piece, dim=1, duration_s=piece.frames / HZ))


def _order(row: StreamRow) -> tuple[str, str, int]:
    return row.split, row.recording, _ORDER[row.kind]


def _no_clip(corpus: ClipCorpus, listing: Listing, log: FaultLog) -> DataError:
    top = sorted(entry.name for entry in listing.root.iterdir() if entry.name.isprintable())
    found = f"no clip that can be used; the folder holds {', '.join(top[:5]) or 'nothing'}"
    bad = [row for row in log.rows if row.action == "quarantined"]
    found += "".join(f"; {row.code}: {row.stream}: {row.found}, expected {row.expected}" for row in bad[:3])
    return DataError(
        listing.root,
        found + own_text(listing),
        f"label.csv beside Raw/<video>/<clip>.mp4, or pickles of supplied arrays of {corpus.title}",
        f"let corpora.{corpus.corpus}.root name the folder the owner's archives were unpacked into; set it to none if "
        "you do not hold this corpus",
    )
