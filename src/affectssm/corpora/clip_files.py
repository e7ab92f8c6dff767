"""The discovery of corpora of clips with one label each, from whatever of the owners' forms lies below a root.

Tables of clips with ``Raw/<video>/<clip>.mp4``, pickles of supplied arrays, and what a corpus has besides. Tables and
ids decide which clips there are, never videos.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from affectssm.corpora.absent import note_listing
from affectssm.corpora.checksums import with_checksums
from affectssm.corpora.clip_media import add_media
from affectssm.corpora.clip_tables import ClipTable, ColumnsError, read_table
from affectssm.corpora.clips import UNLABELLED, ClipCorpus, Clips, Piece
from affectssm.corpora.complete import Look, Whole, copies_of
from affectssm.corpora.listing import Entry, Listing, check_root, own_text, walk
from affectssm.corpora.manifest import Manifest, StreamRow
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
    listing = walk(root, CORPORA[corpus.corpus].files, split_folder=NO_SESSIONS)
    clips = Clips(corpus, log)
    for entry in tables_of(listing):
        _read(root, entry, log, TRANSCRIPT, partial(_add_table, root, entry, clips))
    for entry in _ending(listing, ".pkl"):
        _read(root, entry, log, "supplied", partial(_add_pickle, root, entry, clips))
    if more is not None:
        more(root, listing, clips)
    add_media(root, _ending(listing, *VIDEOS), clips)
    note_listing(listing, log)
    rows = with_checksums(clips.finish(settings.shards), {"root": root}, settings.checksum, log)
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


def _read(root: Path, entry: Entry, log: FaultLog, stream: str, work: Callable[[], None]) -> None:
    """Do what is done with a file; one that cannot be used becomes a fault, but a table of other columns stops."""
    try:
        with boundary(root / entry.rel):
            work()
    except ColumnsError:
        raise
    except DataError as error:
        code, found = error.code or "unreadable_file", f"{entry.rel}: {error.found}"
        log.add(code, stream=stream, found=found, expected=error.expected, action="quarantined")


def _add_table(root: Path, entry: Entry, clips: Clips) -> None:
    table = read_table(root / entry.rel)
    for code, found in table.problems:
        expected = "a table of clips in UTF-8, a clip a line"
        clips.log.add(
            code, stream=TRANSCRIPT, found=f"{entry.rel}: {found}", expected=expected, action="ignored"
        )
    unlabelled = _is_unlabelled(clips.corpus, table)
    for recording, line in table.items():
        split = UNLABELLED if unlabelled else line.split
        clip = clips.claim(line.video, line.clip, split, line.labels[0], entry)
        if clip is None:
            continue
        clip.listed = True
        if line.text:
            clips.add(clip, TRANSCRIPT, Piece(entry, 0.0, 1, 0))
        else:
            clips.note("empty_transcript", entry, [recording])


def _is_unlabelled(corpus: ClipCorpus, table: ClipTable) -> bool:
    labelled = any(not math.isnan(line.labels[0]) for line in table.values())
    return UNLABELLED in corpus.counts and not labelled


def _add_pickle(root: Path, entry: Entry, clips: Clips) -> None:
    path, corpus = root / entry.rel, clips.corpus
    found = read_supplied(path)
    check_corpus(path, found, corpus.title, (corpus.audio, corpus.vision))
    for table in found.tables:
        for at in range(len(table.ids)):
            _add_supplied(entry, clips, found, table, at)


def _add_supplied(entry: Entry, clips: Clips, found: Supplied, table: Table, at: int) -> None:
    video, name = table.ids[at]
    clip = clips.claim(video, name, table.split, float(table.labels[at, 0]), entry) if video else None
    if clip is None:
        if not video:
            clips.note("unsafe_id", entry, [ascii(name)])
        return
    if found.places[clip.recording] != (table, at):
        clips.note("duplicate_clip", entry, [clip.recording])
        return
    for kind, array in table.arrays.items():
        frames = table.length(kind, at)
        if kind == "tokens" and kind in clip.pieces:
            continue  # the aligned and the unaligned file have the same
        if frames:
            dim = 1 if kind == "tokens" else array.shape[2]
            clips.add(clip, kind, Piece(entry, HZ, frames, dim, frames / HZ))
        else:
            clips.note("stream_empty", entry, [f"{clip.recording} {kind}"])


def _order(row: StreamRow) -> tuple[str, str, int]:
    return row.split, row.recording, _ORDER[row.kind]


def _no_clip(corpus: ClipCorpus, listing: Listing, log: FaultLog) -> DataError:
    top = sorted(entry.name for entry in listing.root.iterdir() if entry.name.isprintable())
    found = f"no clip that can be used; the folder holds {', '.join(top[:5]) or 'nothing'}"
    bad = [row for row in log.rows if row.action == "quarantined"]
    found += "".join(f"; {row.code}: {row.found}, expected {row.expected}" for row in bad[:3])
    return DataError(
        listing.root,
        found + own_text(listing),
        f"label.csv beside Raw/<video>/<clip>.mp4, or pickles of supplied arrays of {corpus.title}",
        f"let corpora.{corpus.corpus}.root name the folder the owner's archives were unpacked into; set it to none if "
        "you do not hold this corpus",
    )
