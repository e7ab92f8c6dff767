"""Discovery of a corpus of dialogues: from a folder and a specification to a manifest, and what makes it whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from affectssm.corpora.absent import note_absent, note_listing
from affectssm.corpora.annotations import Reader
from affectssm.corpora.complete import LABELS, Look, Whole, copies_of
from affectssm.corpora.fingerprints import with_fingerprints
from affectssm.corpora.listing import Entry, Listing, check_root, own_text, walk
from affectssm.corpora.manifest import Manifest, StreamRow, is_test_split
from affectssm.corpora.measure import Measurer, readings
from affectssm.corpora.memory import current, walk_once
from affectssm.corpora.people import Person, Present, Source
from affectssm.corpora.progress import Progress
from affectssm.corpora.seats import Labels, language_of, note_session, seat, texts
from affectssm.corpora.sessions import Found, Session, find_sessions
from affectssm.corpora.spans import note_spans
from affectssm.corpora.specification import Specification
from affectssm.errors import DataError
from affectssm.settings.corpora import CorpusSettings
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog
from affectssm.store.ids import EXPECTED, is_id
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.kinds import KINDS, STREAM_KINDS
from affectssm.vocabulary.targets import load

AHEAD = 64  # sessions whose files are read together


def discover(
    spec: Specification, root: Path, ground_truth: Path | None, settings: CorpusSettings
) -> Manifest:
    """Find the sessions of a corpus below `root`, with test labels from `ground_truth` where it is given.

    Raises:
        DataError: a root that does not exist, is no folder, or holds no session of the corpus that can be used.
    """
    check_root(root, spec.title)
    if ground_truth is not None:
        check_root(ground_truth, f"the test labels of {spec.title}")
    log = FaultLog(spec.corpus)
    files = CORPORA[spec.corpus].files
    listing = walk_once(root, files, ground_truth, spec.split_folder)
    found = _sessions_of(listing, spec)
    sessions = _usable_sessions(found, spec, log)
    if not sessions:
        raise _no_session(listing, found, spec, log)
    note_listing(listing, log)
    listing.files.clear()  # the sessions have them
    _note_loose(found.loose, log)
    labels = _ground_truth(ground_truth, spec, found, log)
    rows: list[StreamRow] = []
    people: list[Present] = []
    seats: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for session, seated, own in _seated(sessions, spec, root, found, labels):
        note_session(session, spec, root, own)
        rows += _session_rows(session, seated, spec, language_of(session, root, own), own)
        people += (person.present() for person in seated)
        present = [person.participant for person in seated]
        seats[session.split][session.recording] = present if spec.open_seats else list(spec.roles)
        log.rows += own.rows
        session.forget_files()
    _note_unmatched(labels, people, log)
    note_absent(people, spec.kinds, log)
    bases = {"root": root, **({"ground_truth": ground_truth} if ground_truth is not None else {})}
    rows = with_fingerprints(_one_dimension(rows, log), bases, settings.checksum, log)
    if not rows:
        raise _no_session(listing, found, spec, log)
    return Manifest(sorted(rows, key=_order), log, seats)


def _seated(
    sessions: list[Session], spec: Specification, root: Path, found: Found, labels: Labels
) -> Iterator[tuple[Session, list[Person], FaultLog]]:
    """Yield sessions, who sits in them, and a log for each; of some sessions the files are read ahead together."""
    progress, read = (
        Progress(spec.corpus, "sessions looked at", len(sessions)),
        load(CORPORA[spec.corpus].labels),
    )
    waiting = progress.over(sessions)
    while some := list(islice(waiting, AHEAD)):
        logs = [FaultLog(spec.corpus) for _ in some]
        seated = [
            seat(session, spec, root, found, labels, log) for session, log in zip(some, logs, strict=True)
        ]
        of_people = (readings(person, read) for people in seated for person in people)
        of_sessions = (texts(session, root) for session in some)
        current().ahead(chain.from_iterable(chain(of_people, of_sessions)))
        yield from zip(some, seated, logs, strict=True)


def whole(spec: Specification, settings: CorpusSettings) -> Whole:
    """Return what a corpus is made of: the sessions of its splits, and labels."""
    units = dict.fromkeys(spec.splits, "sessions")
    if not all(map(is_test_split, spec.splits)):
        units[LABELS] = "files"
    return Whole(spec.title, units, lambda listing: _look(listing, spec), spec.split_folder)


def _sessions_of(listing: Listing, spec: Specification) -> Found:
    return current().once(("sessions", listing.root, spec.corpus), lambda: find_sessions(listing, spec))


def _look(listing: Listing, spec: Specification) -> Look:
    counts: Counter[str] = Counter()
    files: dict[tuple[str, ...], list[Entry]] = {}
    for session in _sessions_of(listing, spec).sessions.values():
        if not session.holds_data or session.split not in spec.splits:
            continue
        counts[session.split] += 1
        for (role, kind), entries in session.files.items():
            if role:
                files[session.split, session.recording, role, kind] = entries
            if role and kind == "annotation" and not is_test_split(session.split):
                counts[LABELS] += 1
    return Look(counts, copies_of(listing.root, files.values(), levels=2))


def _order(row: StreamRow) -> tuple[str, str, str, int]:
    return row.split, row.recording, row.participant, KINDS.index(row.kind)


def _usable_sessions(found: Found, spec: Specification, log: FaultLog) -> list[Session]:
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
    splits = found.splits
    ours = [s for s in found.sessions.values() if s.holds_data and s.split in spec.splits]
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


def _no_session(listing: Listing, found: Found, spec: Specification, log: FaultLog) -> DataError:
    """The error for a root without a session that can be used, naming what comes nearest."""
    others = ["/".join(parts) for parts in listing.sessions]
    roles = sorted(
        {role for session in found.sessions.values() if session.foreign for role in session.unknown}
    )
    top = sorted(entry.name for entry in listing.root.iterdir() if entry.name.isprintable())
    if others:
        near = f"no usable session of {spec.title}; nearest: {', '.join(others[:5])}"
    elif top:
        near = f"no session of {spec.title}; the folder holds {', '.join(top[:5])}"
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
        f"sessions that look like {spec.pattern}",
        f"let corpora.{spec.corpus}.root name the folder that holds the split folders, or one above; "
        "set it to none if you do not hold this corpus",
    )


def _ground_truth(root: Path | None, spec: Specification, main: Found, log: FaultLog) -> Labels:
    """Test labels of the separate root: (split, recording, participant) -> source."""
    if root is None:
        return {}
    labels: Labels = {}
    listing = walk(root, CORPORA[spec.corpus].files, split_folder=spec.split_folder)
    note_listing(listing, log)
    found = find_sessions(listing, spec, main.splits)
    _note_loose(found.loose, log)
    for session in found.sessions.values():
        if session.split not in spec.splits or not is_test_split(session.split):
            continue
        for (role, kind), entries in session.files.items():
            if role and kind == "annotation":
                path = root / entries[0].rel
                labels[session.split, session.recording, role] = Source(path, entries[0], "ground_truth")
    if not labels:
        tests = "|".join(filter(is_test_split, spec.splits))
        log.add(
            "ground_truth_unmatched",
            stream="annotation",
            found=f"no test label of {spec.title} below the ground-truth root",
            expected=spec.label if "/" in spec.label else f"{tests}/<session>/*.{spec.label}",
            action="ignored",
        )
    return labels


def _note_loose(labels: list[Entry], log: FaultLog) -> None:
    for entry in labels:
        log.add(
            "ground_truth_unmatched",
            stream="annotation",
            found=f"{entry.rel}: a label of no session",
            expected="a session of this name with data",
            action="ignored",
        )


def _note_unmatched(labels: Labels, people: list[Present], log: FaultLog) -> None:
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
    session: Session, people: list[Person], spec: Specification, language: str, log: FaultLog
) -> list[StreamRow]:
    """Measure the people of a session; those of whom nothing but a label can be used are left out."""
    rows: list[StreamRow] = []
    for person in people:
        _measure(person, load(CORPORA[spec.corpus].labels), log)
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
                corpus=spec.corpus,
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
                shard="",
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


def _measure(person: Person, labels: Reader, log: FaultLog) -> None:
    """Measure a participant; where the files together do what no reader foresaw, nothing of it can be used."""
    try:
        with boundary(f"{person.recording}/{person.participant}"):
            Measurer(person, labels, log).measure()
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
