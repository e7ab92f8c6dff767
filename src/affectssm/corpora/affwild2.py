"""Aff-Wild2 as of the 8th ABAW challenge: 594 videos, each frame annotated with valence and arousal.

A recording is a video, a participant a person in it: 16 videos show two, who are annotated apart and share the rest.
Pictures of faces that the owner cut out and aligned (``cropped_aligned``) lie beside the videos; either may be absent.
Labels of the test videos are withheld by the owner. https://ibug.doc.ic.ac.uk/resources/aff-wild2/
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from affectssm.corpora.absent import note_listing
from affectssm.corpora.affwild2_files import Files, sort_files
from affectssm.corpora.affwild2_measure import USUAL_HZ, Finder
from affectssm.corpora.affwild2_people import Person, people_of, read_tests
from affectssm.corpora.complete import Look, Whole, copies_of
from affectssm.corpora.fingerprints import with_fingerprints
from affectssm.corpora.listing import Listing, check_root, own_text
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.corpora.memory import walk_once
from affectssm.corpora.progress import Progress
from affectssm.errors import ConfigError, DataError
from affectssm.settings.corpora import AffWild2Settings
from affectssm.store.faults import FaultLog
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.kinds import KINDS

TITLE = "Aff-Wild2"
UNITS = {
    "train": "annotations",
    "val": "annotations",
    "test": "lists of names or of frames",
    "crops": "folders of pictures",
    "videos": "files",
}
_NO_SESSIONS = re.compile(r"(?!)")  # no folder is a session's


def discover(root: Path, ground_truth: Path | None, settings: AffWild2Settings) -> Manifest:
    """Find the people of Aff-Wild2 below `root`.

    Raises:
        ConfigError: for withheld labels, which nobody but the owner has.
        DataError: a root that does not exist or holds nobody that can be used.
    """
    if ground_truth is not None:
        raise ConfigError(
            "corpora.affwild2", "a folder of withheld labels", "none", "leave --ground-truth out"
        )
    check_root(root, TITLE)
    log = FaultLog("affwild2")
    corpus = CORPORA["affwild2"]
    listing = walk_once(root, corpus.files, None, _NO_SESSIONS, corpus.pictures)
    files = sort_files(listing)
    people = people_of(files, read_tests(root, files, log), log)
    note_listing(listing, log)
    _note_shared(people, log)
    _note_unlisted(files, people, log)
    finder = Finder(root, settings, log)
    finder.read_ahead(people)
    rows = [
        row
        for person in Progress(log.corpus, "people looked at", len(people)).over(people)
        for row in finder.rows(person)
    ]
    _note_lengths(finder, log)
    rows = with_fingerprints(rows, {"root": root}, settings.checksum, log)
    if not rows:
        raise _nobody(listing, log)
    return Manifest(sorted(rows, key=_order), log, _reported(people))


def _reported(people: Iterable[Person]) -> dict[str, dict[str, list[str]]]:
    """Who the official split reports, with files that can be used or without: who is missing there must be told."""
    found: dict[str, list[str]] = {}
    for person in people:
        if person.split == "val":
            found.setdefault(person.recording, []).append(person.name)
    return {"val": found} if found else {}


def whole(settings: AffWild2Settings) -> Whole:
    """Return what Aff-Wild2 is made of."""
    return Whole(TITLE, UNITS, _look, _NO_SESSIONS)


def _look(listing: Listing) -> Look:
    files = sort_files(listing)
    counts = Counter({split: len(names) for split, names in files.annotations.items()})
    counts |= Counter(test=len(files.tests), crops=len(files.crops), videos=len(files.videos))
    media = [*files.videos.values(), *files.crops.values()]
    return Look(+counts, copies_of(listing.root, media, levels=1))


def _order(row: StreamRow) -> tuple[str, str, str, int]:
    return row.split, row.recording, row.participant, KINDS.index(row.kind)


def _note_shared(people: Iterable[Person], log: FaultLog) -> None:
    together: dict[str, list[str]] = {}
    for person in people:
        together.setdefault(person.recording, []).append(person.name)
    for recording, names in together.items():
        if len(names) > 1:
            log.add(
                "shared_video",
                recording=recording,
                stream="video",
                found=f"{', '.join(sorted(names))} in one video",
                expected="a video of one person; they stay in one split and one fold",
                action="decided",
            )


def _note_unlisted(files: Files, people: list[Person], log: FaultLog) -> None:
    """Report videos and folders of pictures of nobody: those of the challenge's other tasks, mostly."""
    used = {entry for person in people for entry in (person.video, person.crops) if entry is not None}
    for kind, held in (("video", files.videos), ("crops", files.crops)):
        rest = sorted(name for name, entries in held.items() if not used.intersection(entries))
        if rest:
            log.add(
                "unlisted_media",
                stream=kind,
                found=f"{len(rest)}: {', '.join(rest[:5])}{' and others' if len(rest) > 5 else ''}",
                expected="those that an annotation or a test list names",
                action="ignored",
            )


def _note_lengths(finder: Finder, log: FaultLog) -> None:
    off = finder.lengths.off
    if off:
        found = ", ".join(f"{off[rows]} by {rows:+d}" for rows in sorted(off))
        log.add(
            "label_rows_differ",
            stream="annotation",
            found=f"{off.total()} annotations of other lengths than the video: {found} rows",
            expected="as many rows as frames; the common part counts",
            action="truncated",
        )
    guesses = ((finder.lengths.by_name, "by their names"), (finder.lengths.usual, f"as {USUAL_HZ:g} Hz"))
    for names, how in guesses:
        if names:
            log.add(
                "rate_from_name",
                stream="crops",
                found=f"{len(names)} without a video that can be read: {', '.join(names[:5])}",
                expected=f"a video; the rate was taken {how}",
                action="decided",
            )


def _nobody(listing: Listing, log: FaultLog) -> DataError:
    top = sorted(entry.name for entry in listing.root.iterdir() if entry.name.isprintable())
    found = f"nobody that can be used; the folder holds {', '.join(top[:5]) or 'nothing'}"
    bad = [row for row in log.rows if row.action == "quarantined"]
    found += "".join(f"; {row.code}: {row.found}" for row in bad[:3])
    return DataError(
        listing.root,
        found + own_text(listing),
        "VA_Estimation_Challenge/Train_Set/<name>.txt beside cropped_aligned/<name>/00001.jpg or videos of the names",
        "let corpora.affwild2.root name the folder the owner's archives were unpacked into; set it to none if you do "
        "not hold this corpus",
    )
