"""Discovery shared by the corpora of the MultiMediate engagement challenge: from a folder to a manifest."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from affectssm.corpora.absent import note_absent, note_listing
from affectssm.corpora.checksums import with_checksums
from affectssm.corpora.layout import Found, Layout, Session, find_sessions
from affectssm.corpora.listing import Listing, check_root, own_text, walk
from affectssm.corpora.manifest import Manifest, StreamRow, is_test_split, shard_of
from affectssm.corpora.measure import Measurer
from affectssm.corpora.people import Person, Source
from affectssm.corpora.seats import Labels, language_of, note_session, seat
from affectssm.corpora.spans import note_spans
from affectssm.errors import DataError
from affectssm.settings.corpora import CorpusSettings
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog
from affectssm.store.ids import EXPECTED, is_id
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.kinds import KINDS, STREAM_KINDS


def discover(layout: Layout, root: Path, ground_truth: Path | None, settings: CorpusSettings) -> Manifest:
    """Find the sessions of a corpus below `root`, with test labels from `ground_truth` where it is given.

    Raises:
        DataError: a root that does not exist, is no folder, or holds no session of the corpus that can be used.
    """
    check_root(root, layout.title)
    if ground_truth is not None:
        check_root(ground_truth, f"the test labels of {layout.title}")
    log = FaultLog(layout.corpus)
    files = CORPORA[layout.corpus].files
    listing = walk(root, files, skip=ground_truth)
    found = find_sessions(listing, layout)
    sessions = _usable_sessions(found, layout, log)
    if not sessions:
        raise _no_session(listing, found, layout, log)
    note_listing(listing, log)
    labels = _ground_truth(ground_truth, layout, log)
    rows: list[StreamRow] = []
    people: list[Person] = []
    seats: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for session in sessions:
        seated = seat(session, layout, root, found, labels, log)
        note_session(session, root, log)
        rows += _session_rows(
            session, seated, layout.corpus, settings.shards, language_of(session, root, log), log
        )
        people += seated
        present = [person.participant for person in seated]
        seats[session.split][session.recording] = present if layout.open_seats else list(layout.roles)
    _note_unmatched(labels, people, log)
    note_absent(people, log)
    bases = {"root": root, **({"ground_truth": ground_truth} if ground_truth is not None else {})}
    rows = with_checksums(_one_dimension(rows, log), bases, settings.checksum, log)
    if not rows:
        raise _no_session(listing, found, layout, log)
    return Manifest(sorted(rows, key=_order), log, seats)


def _order(row: StreamRow) -> tuple[str, str, str, int]:
    return row.split, row.recording, row.participant, KINDS.index(row.kind)


def _usable_sessions(found: Found, layout: Layout, log: FaultLog) -> list[Session]:
    """Sessions of the corpus, without those whose names are unsafe or that occur in several splits."""
    for folder in found.strays:
        name = folder.rpartition("/")[2]
        log.add(
            "not_a_session",
            recording=name if is_id(name) else "",
            found=folder,
            expected="a stream or raw media of a participant",
            action="ignored",
        )
    splits: dict[str, list[str]] = defaultdict(list)
    for session in found.sessions.values():
        if session.holds_data:
            splits[session.recording].append(session.split)
    ours = [s for s in found.sessions.values() if s.holds_data and s.split in layout.splits]
    usable = {session.recording: session for session in ours}
    for recording in sorted(usable):
        if not is_id(recording):
            log.add("unsafe_id", found=ascii(recording), expected=EXPECTED, action="quarantined")
            del usable[recording]
        elif len(splits[recording]) > 1:
            places = f"in {', '.join(splits[recording])}"
            log.add(
                "duplicate_recording",
                recording=recording,
                found=places,
                expected="in one split",
                action="quarantined",
            )
            del usable[recording]
    return list(usable.values())


def _no_session(listing: Listing, found: Found, layout: Layout, log: FaultLog) -> DataError:
    """The error for a root without a session that can be used, naming what comes nearest."""
    others = ["/".join(parts) for parts in listing.sessions]
    roles = sorted(
        {role for session in found.sessions.values() if session.foreign for role in session.unknown}
    )
    top = sorted(entry.name for entry in listing.root.iterdir() if entry.name.isprintable())
    if others:
        near = f"no usable session of {layout.title}; nearest: {', '.join(others[:5])}"
    elif top:
        near = f"no session of {layout.title}; the folder holds {', '.join(top[:5])}"
    else:
        near = "an empty folder"
    near += " and others" if len(others or top) > 5 else ""
    near += f" (files of {', '.join(roles[:4])})" if roles else ""
    near += "".join(
        f"; {fault.code}: {fault.found}" for fault in log.rows[:3] if fault.action == "quarantined"
    )
    near += own_text(listing)
    return DataError(
        listing.root,
        near,
        f"sessions that look like {layout.pattern}",
        f"let corpora.{layout.corpus}.root name the folder that holds the split folders, or one above; "
        "set it to none if you do not hold this corpus",
    )


def _ground_truth(root: Path | None, layout: Layout, log: FaultLog) -> Labels:
    """Test labels of the separate root: (split, recording, participant) -> source."""
    if root is None:
        return {}
    labels: Labels = {}
    listing = walk(root, CORPORA[layout.corpus].files)
    note_listing(listing, log)
    for session in find_sessions(listing, layout).sessions.values():
        if session.split not in layout.splits or not is_test_split(session.split):
            continue
        for (role, kind), entries in session.files.items():
            if role and kind == "annotation":
                path = root / entries[0].rel
                labels[session.split, session.recording, role] = Source(path, entries[0], "ground_truth")
    if not labels:
        log.add(
            "ground_truth_unmatched",
            stream="annotation",
            found=f"no test label of {layout.title} below the ground-truth root",
            expected=f"{'|'.join(filter(is_test_split, layout.splits))}/<session>/*.engagement.annotation.csv",
            action="ignored",
        )
    return labels


def _note_unmatched(labels: Labels, people: list[Person], log: FaultLog) -> None:
    seated = {(person.split, person.recording, person.participant) for person in people}
    for key in sorted(set(labels) - seated):
        log.add(
            "ground_truth_unmatched",
            recording=key[1] if is_id(key[1]) else "",
            participant=key[2],
            stream="annotation",
            found="a test label of nobody",
            expected=f"a participant of {key[0]}",
            action="ignored",
        )


def _session_rows(
    session: Session, people: list[Person], corpus: str, n_shards: int, language: str, log: FaultLog
) -> list[StreamRow]:
    """Measure the people of a session; those of whom nothing but a label can be used are left out."""
    rows: list[StreamRow] = []
    for person in people:
        _measure(person, log)
        if not set(person.measured) - {"annotation"}:
            log.add(
                "missing_stream",
                recording=person.recording,
                participant=person.participant,
                found="no stream and no media that can be used",
                expected="at least one",
                action="quarantined",
            )
            person.measured = {}
        rows += [
            StreamRow(
                corpus=corpus,
                split=person.split,
                recording=person.recording,
                participant=person.participant,
                kind=kind,
                path=held.source.entry.rel,
                base=held.source.base,
                rate=held.rate,
                frames=held.frames,
                dim=held.dim,
                duration_s=held.duration_s,
                bytes=held.source.entry.size + (held.source.body.size if held.source.body else 0),
                checksum="",
                fold_group=person.recording,
                language=language,
                shard=shard_of(person.recording, n_shards),
            )
            for kind, held in person.measured.items()
        ]
    note_spans(people, rows, log)
    present = {row.participant for row in rows}
    if len(present) == 1:
        log.add(
            "no_partner",
            recording=session.recording,
            found=f"{present.pop()} alone",
            expected="two or more participants",
            action="decided",
        )
    return rows


def _measure(person: Person, log: FaultLog) -> None:
    """Measure a participant; where the files together do what no reader foresaw, nothing of it can be used."""
    try:
        with boundary(f"{person.recording}/{person.participant}"):
            Measurer(person, log).measure()
    except DataError as error:
        person.measured = {}
        log.add(
            error.code or "unreadable_file",
            recording=person.recording,
            participant=person.participant,
            found=error.found,
            expected=error.expected,
            action="quarantined",
        )


def _one_dimension(rows: list[StreamRow], log: FaultLog) -> list[StreamRow]:
    """Drop streams whose dimension is not the one most of the corpus has (editions mixed in one root)."""
    counts: dict[str, Counter[int]] = {kind: Counter() for kind in STREAM_KINDS}
    for row in rows:
        if row.kind in counts:
            counts[row.kind][row.dim] += 1
    usual = {kind: max(count, key=lambda dim: (count[dim], -dim)) for kind, count in counts.items() if count}
    kept = []
    for row in rows:
        if row.dim == usual.get(row.kind, row.dim):
            kept.append(row)
        else:
            log.add(
                "stream_dim_unexpected",
                recording=row.recording,
                participant=row.participant,
                stream=row.kind,
                found=f"{row.dim} columns",
                expected=f"{usual[row.kind]}, as most of the corpus has",
                action="quarantined",
            )
    return kept
