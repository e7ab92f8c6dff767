"""Own recordings: a folder of media with a table, or with names that say what each file is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from affectssm.corpora.absent import note_listing
from affectssm.corpora.complete import Look, Whole
from affectssm.corpora.fingerprints import with_fingerprints
from affectssm.corpora.folder_measure import Measurer
from affectssm.corpora.folder_pattern import USUAL, of_names
from affectssm.corpora.folder_people import Claim, of_table, usable
from affectssm.corpora.folder_table import Table, check_columns, column_name, label_texts, read_recordings
from affectssm.corpora.listing import Entry, Listing, check_root, own_text
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.corpora.memory import current, walk_once
from affectssm.corpora.progress import Progress
from affectssm.corpora.readings import Reading
from affectssm.errors import ConfigError, DataError
from affectssm.settings.folder import FolderCorpusSettings
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog
from affectssm.vocabulary.corpora import CORPORA, SOUNDS, VIDEOS
from affectssm.vocabulary.kinds import ITEM_LABEL, KINDS

CORPUS, TITLE = "folder", "own recordings"
AHEAD = 64  # participants whose files are read together
_NO_SESSIONS = re.compile(r"(?!)")  # no folder is a session's


def discover(root: Path, ground_truth: Path | None, settings: FolderCorpusSettings) -> Manifest:
    """Find the recordings below ``root``.

    Raises:
        ConfigError: for a folder of withheld labels.
        DataError: a root that does not exist or holds nothing that can be used, or a table that cannot be read.
    """
    if ground_truth is not None:
        raise ConfigError("corpora.folder", "a folder of withheld labels", "none", "leave --ground-truth out")
    check_root(root, TITLE)
    log = FaultLog(CORPUS)
    listing = walk_once(root, CORPORA[CORPUS].files, None, _NO_SESSIONS)
    named = _claims(root, listing, settings, log)
    note_listing(listing, log)
    claims = usable(named, log)
    _note_shared(claims, log)
    _note_unlabelled(claims, settings, log)
    measurer = Measurer(root, settings.labels, log)
    rows = _measured(measurer, claims)
    rows = with_fingerprints(rows, {"root": root}, settings.checksum, log)
    if not rows:
        raise _nothing(listing, settings, log)
    return Manifest(sorted(rows, key=_order), log, _seats(claims))


def whole(settings: FolderCorpusSettings) -> Whole:
    """Return what own recordings are made of: media."""

    def look(listing: Listing) -> Look:
        media = sum(entry.parts[-1].lower().endswith((*VIDEOS, *SOUNDS)) for entry in listing.files)
        return Look(+Counter(media=media))

    return Whole(TITLE, {"media": "files of pictures or sound"}, look, _NO_SESSIONS)


def _claims(root: Path, listing: Listing, settings: FolderCorpusSettings, log: FaultLog) -> list[Claim]:
    """Return who is named, with files of labels."""
    if settings.table is None:
        _refuse_unused_table(listing, settings)
        return of_names(listing, settings, log)
    entry = next((one for one in listing.files if one.rel == settings.table), None)
    if entry is None:
        raise _no_table(listing, settings.table)
    path = root / entry.rel
    table: Table = current().read(Reading(read_recordings, path))
    labels = settings.labels.columns if settings.labels.per == "item" else ()
    apart = "labels" in table.columns and not {column_name(name) for name in labels} & set(table.columns)
    check_columns(path, table, () if apart else labels)
    claims = of_table(root, table, entry.rel, listing, log)
    for claim in claims if labels else ():
        held = claim.files.pop("annotation", None)
        if not apart:
            texts = label_texts(table, *claim.key, labels)
            claim.item = entry if texts and any(texts) else None
        elif held is not None:
            claim.item = _with_items(root, held, claim, labels, log)
    return claims


def _with_items(root: Path, entry: Entry, claim: Claim, labels: Sequence[str], log: FaultLog) -> Entry | None:
    """Return a file of labels of recordings as a whole, if it has those of a participant."""
    path = root / entry.rel
    notes, expected = log.about(*claim.key), f"a line with {', '.join(labels)}"
    try:
        with boundary(path):
            texts = label_texts(current().read(Reading(read_recordings, path)), *claim.key, labels)
    except DataError as error:
        notes.caught(error, ITEM_LABEL)
        return None
    if texts is None:
        found = f"{entry.rel}: not one line of {claim.recording}, {claim.participant}, or not these columns"
        notes.add("table_line", ITEM_LABEL, found, expected, "quarantined")
    return entry if texts and any(texts) else None


def _measured(measurer: Measurer, claims: Sequence[Claim]) -> list[StreamRow]:
    rows: list[StreamRow] = []
    waiting = iter(Progress(CORPUS, "participants looked at", len(claims)).over(claims))
    while some := list(islice(waiting, AHEAD)):
        rows += measurer.rows(some)
    return rows


def _seats(claims: Sequence[Claim]) -> dict[str, dict[str, list[str]]]:
    seats: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        seats[claim.split][claim.recording].append(claim.participant)
    return {
        split: {recording: sorted(people) for recording, people in sorted(held.items())}
        for split, held in sorted(seats.items())
    }


def _order(row: StreamRow) -> tuple[str, str, str, int]:
    return row.split, row.recording, row.participant, KINDS.index(row.kind)


def _note_shared(claims: Sequence[Claim], log: FaultLog) -> None:
    """Report videos of several participants, of each of whom the same face would be followed."""
    shared: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if "video" in claim.files:
            shared[claim.files["video"].rel].append(claim)
    for rel, held in shared.items():
        if len(held) > 1:
            log.add(
                "shared_video", recording=held[0].recording, stream="video",
                found=f"{rel} for {', '.join('/'.join(claim.key) for claim in held)}",
                expected="a video of one person: the same face is followed for all", action="decided",
            )  # fmt: skip


def _note_unlabelled(claims: Sequence[Claim], settings: FolderCorpusSettings, log: FaultLog) -> None:
    """Report who has no label, once where nobody of a split has one."""
    by_item = settings.labels.per == "item"
    by_split: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_split[claim.split].append(claim)
    expected = "a label in the table" if by_item else "a file of labels"
    for split, held in sorted(by_split.items()):
        without = [one for one in held if not (one.item if by_item else "annotation" in one.files)]
        if len(without) == len(held):
            code = "labels_withheld" if split == "test" else "missing_annotation"
            log.add(
                code, stream="annotation", found=f"none of {len(held)} participants of {split}", expected=expected,
                action="ignored",
            )  # fmt: skip
            continue
        for claim in without:
            log.about(*claim.key).add("missing_annotation", "annotation", "no label", expected, "ignored")


def _refuse_unused_table(listing: Listing, settings: FolderCorpusSettings) -> None:
    """Refuse a root with a table that the settings do not name.

    Raises:
        DataError: naming it.
    """
    tables = [entry.rel for entry in listing.files if entry.rel in ("recordings.csv", "recordings.parquet")]
    if tables and settings.pattern is None:
        raise DataError(
            listing.root / tables[0], "a table that the settings do not name", "one way to tell recordings",
            f"set corpora.folder.table: {tables[0]}, or corpora.folder.pattern: '{USUAL}' to go by names of files",
        )  # fmt: skip


def _no_table(listing: Listing, table: str) -> DataError:
    names = [entry.rel for entry in listing.files]
    near = get_close_matches(table, names, n=1) or [
        name for name in names if name.endswith((".csv", ".parquet"))
    ]
    found = f"no table {table}" + (f"; there is {', '.join(near[:3])}" if near else "")
    return DataError(
        listing.root, found, "the table that corpora.folder.table names", "mend its path or the root"
    )


def _nothing(listing: Listing, settings: FolderCorpusSettings, log: FaultLog) -> DataError:
    top = sorted(entry.name for entry in listing.root.iterdir() if entry.name.isprintable())
    found = f"no recording that can be used; the folder holds {', '.join(top[:5]) or 'nothing'}"
    bad = [row for row in log.rows if row.action == "quarantined"]
    found += "".join(f"; {row.code}: {row.found}" for row in bad[:3])
    expected = f"recordings as {settings.table} names them" if settings.table else "media files"
    if settings.pattern:
        expected = f"media files called like {settings.pattern}"
    return DataError(
        listing.root,
        found + own_text(listing),
        expected,
        "let corpora.folder.root name the folder of the recordings, mend the table or the pattern, or set root to none",
    )
