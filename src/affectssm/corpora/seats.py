"""Who sits in a session: one file per participant and kind, and what is odd about the session's files."""

from __future__ import annotations

from pathlib import Path

from affectssm.corpora.annotations import read_language, read_lines
from affectssm.corpora.manifest import is_test_split
from affectssm.corpora.people import Person, Source
from affectssm.corpora.sessions import Found, Session
from affectssm.corpora.specification import Specification
from affectssm.errors import DataError
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog

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
        log.add(
            "empty_seat",
            recording=session.recording,
            participant=role,
            found="no file",
            expected="a participant, or nobody",
            action="ignored",
        )
    if corpus.open_seats:
        people = _without_empty_chairs(people, log)
    return people


def note_session(session: Session, corpus: Specification, root: Path, log: FaultLog) -> None:
    """Report files of unknown roles, bodies without headers, and trees that are put together."""
    recording = session.recording
    for role, names in sorted(session.unknown.items()):
        for name in sorted(names):
            rest = name.removeprefix(f"{role}.")
            log.add(
                "unknown_role",
                recording=recording,
                participant=role,
                stream=corpus.stream_kind(rest) or rest,
                found=name,
                expected="a file of a participant",
                action="ignored",
            )
    if len(session.folders) > 1:
        log.add(
            "parallel_tree",
            recording=recording,
            stream="annotation",
            found="; ".join(sorted(session.folders)),
            expected="one folder a session",
            action="decided",
        )
    for header in sorted(session.bodies - session.headers):
        log.add(
            "stream_missing_header",
            recording=recording,
            stream=header,
            found="a body alone",
            expected="a header beside it",
            action="ignored",
        )
    _note_texts(session, root, log)


def language_of(session: Session, root: Path, log: FaultLog) -> str:
    """Language of a session as its annotation names it, "" without one."""
    for entry in session.files.get(("", "text/language"), []):
        try:
            with boundary(root / entry.rel):
                language, problems = read_language(root / entry.rel)
        except DataError as error:
            _add_text_fault(error.code or "unreadable_file", session, "", "language", error.found, log)
            continue
        for code, found in problems:
            _add_text_fault(code, session, "", "language", found, log)
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
    log.add(
        "duplicate_stream",
        recording=session.recording,
        participant=role,
        stream=kind.removeprefix("extra/"),
        found="; ".join(f"{file.base}: {file.entry.rel}" for file in files),
        expected=f"one file; that of {chosen.base}: {chosen.entry.rel} is taken",
        action="decided",
    )


def _without_empty_chairs(people: list[Person], log: FaultLog) -> list[Person]:
    """Leave out seats that only cameras saw, while the others of the group were heard: nobody sat there."""
    heard = [person for person in people if not AUDIBLE.isdisjoint(person.sources) or _labelled(person)]
    if not heard:
        return people
    for person in people:
        for kind in person.sources if person not in heard else ():
            log.add(
                "visual_without_audio",
                recording=person.recording,
                participant=person.participant,
                stream=kind.removeprefix("extra/"),
                found="visual streams, but no sound and no label",
                expected="the streams of a person, or none: taken for an empty seat",
                action="ignored",
            )
    return heard


def _labelled(person: Person) -> bool:
    """Whether a label says that somebody sat there; a test label says nothing, it may be withheld."""
    return "annotation" in person.sources and not is_test_split(person.split)


def _note_texts(session: Session, root: Path, log: FaultLog) -> None:
    """Report text annotations beside the labels that are not UTF-8."""
    for (role, kind), entries in sorted(session.files.items()):
        name = kind.removeprefix("text/")
        if not role or name == kind:
            continue
        for entry in entries:
            try:
                with boundary(root / entry.rel):
                    _, problems = read_lines(root / entry.rel)
            except DataError as error:
                _add_text_fault(error.code or "unreadable_file", session, role, name, error.found, log)
                continue
            for code, found in problems:
                _add_text_fault(code, session, role, name, found, log)


def _add_text_fault(code: str, session: Session, role: str, stream: str, found: str, log: FaultLog) -> None:
    log.add(
        code,
        recording=session.recording,
        participant=role,
        stream=stream,
        found=found,
        expected="lines of start;end;text;confidence in UTF-8",
        action="decided" if code in ("latin1_text", "wide_text") else "ignored",
    )
