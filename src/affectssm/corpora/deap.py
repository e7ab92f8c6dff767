"""DEAP: 32 subjects watch 40 music videos of a minute; the preprocessed and the original edition.

A recording is a trial, named by subject and video (``s01_v05``), so that both editions name it alike.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from affectssm.corpora import deap_original, deap_preprocessed
from affectssm.corpora.complete import RATINGS, SIGNALS, Look, Whole, copies_of
from affectssm.corpora.deap_ratings import RatedTrial, RatingsTable, note_ratings, read_ratings
from affectssm.corpora.listing import Entry, Listing, check_root, walk
from affectssm.corpora.manifest import Manifest
from affectssm.corpora.trial_manifest import Trial, first_of, manifest_of, note_strays
from affectssm.errors import ConfigError, DataError, UnexpectedError
from affectssm.settings.corpora import DeapSettings
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog, Notes
from affectssm.vocabulary.corpora import CORPORA

TABLE = "participant_ratings.csv"
SUFFIX = {"preprocessed": ".dat", "original": ".bdf"}
_SUBJECT = re.compile(r"s(?P<number>\d\d)\.(?:dat|bdf)")
_FACE = re.compile(r"s(?P<number>\d\d)_trial\d\d\.avi")
_KNOWN = re.compile(
    r"(?:participant_(?:ratings|questionnaire)|online_ratings|video_list)\.(?:csv|xls|ods)|.*\.(?:txt|pdf|html?|zip)",
    re.IGNORECASE,
)


@dataclass
class Found:
    """The files of the corpus: subject -> files of the edition, tables of ratings, face videos a subject, strays."""

    subjects: dict[int, list[Entry]]
    tables: list[Entry]
    faces: dict[int, int]
    strays: list[Entry]


def discover(root: Path, ground_truth: Path | None, settings: DeapSettings) -> Manifest:
    """Find the trials of DEAP below `root`.

    Raises:
        ConfigError: for withheld labels, which DEAP has none of.
        DataError: a root that does not exist or holds no trial that can be used.
    """
    if ground_truth is not None:
        raise ConfigError("corpora.deap", "a folder of withheld labels", "none", "leave --ground-truth out")
    check_root(root, "DEAP")
    log = FaultLog("deap")
    listing = walk(root, CORPORA["deap"].files, strays=True)
    found = sort_files(listing, settings.variant)
    note_strays(found.strays, log)
    _note_faces(found, log)
    table = _ratings(root, found, settings.variant, log)
    trials: list[Trial] = []
    for number, entries in sorted(found.subjects.items()):
        notes = log.about(participant=f"s{number:02d}")
        usable = _trials_of(root, first_of(entries, notes), found, table.of(number), settings.variant, notes)
        if not usable:
            expected = f"{deap_preprocessed.TRIALS} trials"
            notes.add("subject_missing", "", "no trial that can be used", expected, "quarantined")
        trials += usable
    return manifest_of(
        "deap", listing, trials, settings, log, f"**/s<NN>{SUFFIX[settings.variant]}, **/{TABLE}"
    )


def whole(settings: DeapSettings) -> Whole:
    """Return what DEAP is made of, in the variant that is asked for."""
    units = {SIGNALS: f"subjects ({SUFFIX[settings.variant]})", RATINGS: f"table ({TABLE})"}

    def look(listing: Listing) -> Look:
        found = sort_files(listing, settings.variant)
        counts = Counter({SIGNALS: len(found.subjects), RATINGS: len(found.tables)})
        return Look(+counts, copies_of(listing.root, found.subjects.values(), levels=1))

    return Whole("DEAP", units, look)


def _trials_of(
    root: Path, entry: Entry, found: Found, rated: list[RatedTrial], variant: str, notes: Notes
) -> list[Trial]:
    """The trials of one subject's file; none, and a fault, where it does what no reader foresaw."""
    try:
        with boundary(root / entry.rel):
            if variant == "preprocessed":
                return deap_preprocessed.trials_of(root, entry, rated, notes)
            return deap_original.trials_of(root, entry, found.tables[0], rated, notes)
    except DataError as error:
        notes.caught(error)
        return []


def sort_files(listing: Listing, variant: str) -> Found:
    """Return the files of a variant by what they are, by their names."""
    found = Found(defaultdict(list), [], defaultdict(int), [])
    for entry in listing.files:
        name = entry.parts[-1]
        if match := _SUBJECT.fullmatch(name):
            if name.endswith(SUFFIX[variant]):
                found.subjects[int(match["number"])].append(entry)
        elif name == TABLE:
            found.tables.append(entry)
        elif match := _FACE.fullmatch(name):
            found.faces[int(match["number"])] += 1
        elif not _KNOWN.fullmatch(name):
            found.strays.append(entry)
    return found


def _ratings(root: Path, found: Found, variant: str, log: FaultLog) -> RatingsTable:
    if not found.tables:
        if variant == "original":
            raise DataError(
                root,
                f"no {TABLE}",
                "the owner's metadata_csv beside data_original: it says which video was shown when",
                "unpack metadata_csv.zip below the root, or set corpora.deap.variant to preprocessed",
            )
        return RatingsTable({})
    path = root / first_of(found.tables, log.about()).rel
    try:
        with boundary(path):
            table = read_ratings(path)
            note_ratings(table, log)
    except UnexpectedError as error:
        if variant == "original":  # without it nobody knows which video was shown when
            raise
        log.about().caught(error, "ratings")
        return RatingsTable({})
    return table


def _note_faces(found: Found, log: FaultLog) -> None:
    for number in sorted(found.subjects) if found.faces else ():
        if found.faces[number] < deap_preprocessed.TRIALS:
            notes, videos = log.about(participant=f"s{number:02d}"), f"{found.faces[number]} face videos"
            notes.add("face_video_missing", "video", videos, str(deap_preprocessed.TRIALS), "ignored")
