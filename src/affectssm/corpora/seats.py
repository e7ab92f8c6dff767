"""Who sits in a session: one file per participant and kind, and what is odd about the session's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affectssm.corpora.annotations import read_language, read_lines
from affectssm.corpora.manifest import is_test_split
from affectssm.corpora.memory import current
from affectssm.corpora.people import Person, Source
from affectssm.corpora.readings import Reading
from affectssm.corpora.sessions import Found, Session
from affectssm.corpora.specification import Specification
from affectssm.errors import DataError
from affectssm.store.boundary import boundary
from affectssm.store.faults import Action, FaultLog, Notes

AUDIBLE = frozenset({"audio", "egemapsv2", "w2vbert2", "extra/gemaps", "extra/soundnet"})
Labels = dict[tuple[str, str, str], Source]


def seat(
    session: Session, corpus: Specification, root: Path, found: Found, labels: Labels, log: FaultLog
) -> list[Person]:
    """Participants of a session in seat order, with their files; `labels` come from the ground truth."""
    people, empty = [], []
    for role in corpus.roles:
        sources = _sources(session, role, root, found, log)
        if sources:
            label = labels.get((session.split, session.recording, role))
            if label is not None:
                if "annotation" in sources:
                    _note_duplicate(session, role, "annotation", [sources["annotation"], label], label, log)
                sources["annotation"] = label
            people.append(Person(session.split, session.recording, role, sources))
        elif corpus.open_seats:
            empty.append(role)
    for role in empty:
        notes = log.about(session.recording, role)
        notes.add("empty_seat", "", "no file", "a participant, or nobody", "ignored")
    if corpus.open_seats:
        people = _without_empty_chairs(people, log)
    return people


def note_session(session: Session, corpus: Specification, root: Path, log: FaultLog) -> None:
    """Report files of unknown roles, bodies without headers, and trees that are put together."""
    for role, names in sorted(session.unknown.items()):
        for name in sorted(names):
            rest = name.removeprefix(f"{role}.")
            log.add(
                "unknown_role",
                recording=session.recording,
                participant=role,
                stream=corpus.stream_kind(rest) or rest,
                found=name,
                expected="a file of a participant",
                action="ignored",
            )
    if len(session.folders) > 1:
        found, notes = "; ".join(sorted(session.folders)), log.about(session.recording)
        notes.add("parallel_tree", "annotation", found, "one folder a session", "decided")
    for header in sorted(session.bodies - session.headers):
        log.add(
            "stream_missing_header",
            recording=session.recording,
            stream=header,
            found="a body alone",
            expected="a header beside it",
            action="ignored",
        )
    _note_texts(session, root, log)


def language_of(session: Session, root: Path, log: FaultLog) -> str:
    """Language of a session as its annotation names it, "" without one."""
    for entry in session.files.get(("", "text/language"), []):
        reading = Reading(read_language, root / entry.rel)
        language = _read_text(reading, "language", log.about(session.recording))
        if language is not None:
            return language
    return ""


def _sources(session: Session, role: str, root: Path, found: Found, log: FaultLog) -> dict[str, Source]:
    """The file of each kind; of several the first by path is taken."""
    sources: dict[str, Source] = {}
    for (owner, kind), entries in sorted(session.files.items()):
        if owner != role or kind.startswith("text/"):
            continue
        files = [Source(root / entry.rel, entry, "root", found.bodies.get(entry.rel)) for entry in entries]
        if len(files) > 1:
            _note_duplicate(session, role, kind, files, files[0], log)
        sources[kind] = files[0]
    return sources


def _note_duplicate(
    session: Session, role: str, kind: str, files: list[Source], chosen: Source, log: FaultLog
) -> None:
    found = "; ".join(f"{file.base}: {file.entry.rel}" for file in files)
    expected = f"one file; that of {chosen.base}: {chosen.entry.rel} is taken"
    log.about(session.recording, role).add("duplicate_stream", kind, found, expected, "decided")


def _without_empty_chairs(people: list[Person], log: FaultLog) -> list[Person]:
    """Leave out seats that only cameras saw, while the others of the group were heard: nobody sat there."""
    heard = [person for person in people if not AUDIBLE.isdisjoint(person.sources) or _labelled(person)]
    if not heard:
        return people
    for person in people:
        notes = log.about(person.recording, person.participant)
        for kind in person.sources if person not in heard else ():
            found = "visual streams, but no sound and no label"
            expected = "the streams of a person, or none: taken for an empty seat"
            notes.add("visual_without_audio", kind, found, expected, "ignored")
    return heard


def _labelled(person: Person) -> bool:
    """Whether a label says that somebody sat there; a test label says nothing, it may be withheld."""
    return "annotation" in person.sources and not is_test_split(person.split)


def _note_texts(session: Session, root: Path, log: FaultLog) -> None:
    """Report text annotations beside the labels that are not UTF-8."""
    for role, name, reading in _texts(session, root):
        _read_text(reading, name, log.about(session.recording, role))


def texts(session: Session, root: Path) -> Iterator[Reading]:
    """Yield what is read of a session's text annotations."""
    for entry in session.files.get(("", "text/language"), []):
        yield Reading(read_language, root / entry.rel)
    yield from (reading for _, _, reading in _texts(session, root))


def _texts(session: Session, root: Path) -> Iterator[tuple[str, str, Reading]]:
    """Yield role, name and reading of the text annotations beside the labels."""
    for (role, kind), entries in sorted(session.files.items()):
        name = kind.removeprefix("text/")
        if role and name != kind:
            yield from ((role, name, Reading(_how_it_reads, root / entry.rel)) for entry in entries)


def _how_it_reads(path: Path) -> tuple[str, list[tuple[str, str]]]:
    """What is odd about a text; what it says is nobody's business here."""
    return "", read_lines(path)[1]


def _read_text(reading: Reading, stream: str, notes: Notes) -> str | None:
    """Return what a text annotation says; None where it cannot be read. What is odd about it is noted."""
    said = None
    try:
        with boundary(reading.path):
            said, problems = current().read(reading)
    except DataError as error:
        problems = [(error.code or "unreadable_file", error.found)]
    for code, found in problems:
        action: Action = "decided" if code in ("latin1_text", "wide_text") else "ignored"
        notes.add(code, stream, found, "lines of start;end;text;confidence in UTF-8", action)
    return said
