"""What discovery has in common for corpora of trials: rows of a trial, stray files, roots without a trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from affectssm.corpora.absent import note_listing
from affectssm.corpora.channels import RATINGS
from affectssm.corpora.fingerprints import with_fingerprints
from affectssm.corpora.listing import Entry, Listing, own_text
from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.errors import DataError
from affectssm.settings.corpora import TrialCorpusSettings
from affectssm.store.faults import FaultLog, Notes
from affectssm.vocabulary.kinds import KINDS


@dataclass(frozen=True)
class Trial:
    """A trial that can be used.

    Attributes:
        recording, participant: its id and its subject.
        signals: the file its signals lie in; ``ratings`` the one its ratings lie in.
        dims: modality -> channels.
        rate: Hz.
        start_s: where its baseline begins in the file.
        baseline_s, stimulus_s: seconds before and after the stimulus begins.
    """

    recording: str
    participant: str
    signals: Entry
    ratings: Entry
    dims: Mapping[str, int]
    rate: float
    start_s: float
    baseline_s: float
    stimulus_s: float


def rows_of(corpus: str, trial: Trial) -> list[StreamRow]:
    """Return a trial's rows, one a modality and one for the ratings.

    All trials of a subject are to fall into one shard: they lie in one file, which one job then reads.
    """
    seconds = trial.baseline_s + trial.stimulus_s
    sizes = {
        kind: (trial.signals, trial.rate, round(seconds * trial.rate), dim)
        for kind, dim in trial.dims.items()
    }
    sizes["ratings"] = (trial.ratings, 0.0, 1, len(RATINGS))
    return [
        StreamRow(
            corpus=corpus,
            split="all",
            recording=trial.recording,
            participant=trial.participant,
            kind=kind,
            path=entry.rel,
            base="root",
            rate=rate,
            frames=frames,
            dim=dim,
            duration_s=seconds,
            bytes=entry.size,
            checksum="",
            fold_group=trial.participant,
            language="",
            shard=trial.participant,
            start_s=trial.start_s,
            baseline_s=trial.baseline_s,
        )
        for kind, (entry, rate, frames, dim) in sizes.items()
    ]


def manifest_of(
    corpus: str,
    listing: Listing,
    trials: Iterable[Trial],
    settings: TrialCorpusSettings,
    log: FaultLog,
    pattern: str,
) -> Manifest:
    """Return the manifest of the trials found.

    Raises:
        DataError: if there is none.
    """
    note_listing(listing, log)
    rows = [row for trial in trials for row in rows_of(corpus, trial)]
    rows = with_fingerprints(rows, {"root": listing.root}, settings.checksum, log)
    if not rows:
        raise _no_trial(corpus, listing, log, pattern)
    return Manifest(sorted(rows, key=_order), log)


def note_strays(entries: Iterable[Entry], log: FaultLog) -> None:
    """Report files that are none of the corpus; they are left alone."""
    for entry in entries:
        log.add("stray_file", found=entry.rel, expected="files of the corpus only", action="ignored")


def first_of(entries: list[Entry], notes: Notes) -> Entry:
    """Return the first of several files for one thing, in the order of their paths, and report the others."""
    if len(entries) > 1:
        found = ", ".join(entry.rel for entry in entries)
        notes.add("duplicate_stream", "", found, f"one file; {entries[0].rel} was taken", "decided")
    return entries[0]


def _order(row: StreamRow) -> tuple[str, str, int]:
    return row.recording, row.participant, KINDS.index(row.kind)


def _no_trial(corpus: str, listing: Listing, log: FaultLog, pattern: str) -> DataError:
    top = sorted(entry.name for entry in listing.root.iterdir() if entry.name.isprintable())
    found = f"no trial that can be used; the folder holds {', '.join(top[:5]) or 'nothing'}"
    bad = [row for row in log.rows if row.action == "quarantined"]
    found += "".join(f"; {row.code}: {row.found}" for row in bad[:3])
    found += own_text(listing)
    return DataError(
        listing.root,
        found,
        f"files that look like {pattern}",
        f"let corpora.{corpus}.root name the folder the owner's archives were unpacked into; set it to none if "
        "you do not hold this corpus",
    )
