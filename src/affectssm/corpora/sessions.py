"""Sessions of a corpus of dialogues, made of the files found: what belongs to which split, session, role and kind."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from affectssm.corpora.listing import Entry, Listing
from affectssm.corpora.specification import Specification

KNOWN_ROLES = re.compile(r"expert|novice|subjectPos[1-9]|purple|yellow|env")


@dataclass
class Session:
    """All files of one session of one split.

    Attributes:
        files: (role, kind) -> candidates in order of path, of videos the owner's format first; role "" holds
            session-wide files. A kind is one of the manifest's, `extra/<name>` for an unused stream, or
            `text/<name>` for other annotations.
        unknown: role that is no participant -> names of its files.
        folders: folders the files come from, relative to the root.
        headers, bodies: paths of the stream headers there are, and of those there should be; any role.
    """

    split: str
    recording: str
    files: dict[tuple[str, str], list[Entry]] = field(default_factory=lambda: defaultdict(list))
    unknown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    folders: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    bodies: set[str] = field(default_factory=set)

    @property
    def holds_data(self) -> bool:
        """Whether there is a stream or raw media of a participant; a folder without is no session."""
        labels = ("annotation", "text/")
        return any(role and not kind.startswith(labels) for role, kind in self.files)

    @property
    def foreign(self) -> bool:
        """Whether it belongs to another corpus: none of our roles, but roles another corpus is known by."""
        return not any(role for role, _ in self.files) and any(map(KNOWN_ROLES.fullmatch, self.unknown))

    def forget_files(self) -> None:
        """Keep of the files nothing but what they are."""
        self.files = {key: [] for key in self.files}


@dataclass
class Found:
    """What the files below a root are.

    Attributes:
        sessions: by (split, recording).
        bodies: of streams, by the header's path.
        strays: folders that hold no session.
        loose: labels in a tree of their own that belong to no session.
    """

    sessions: dict[tuple[str, str], Session]
    bodies: dict[str, Entry] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)
    loose: list[Entry] = field(default_factory=list)

    @property
    def splits(self) -> dict[str, list[str]]:
        """Recording -> the splits in which it holds data."""
        splits: dict[str, list[str]] = defaultdict(list)
        for session in self.sessions.values():
            if session.holds_data:
                splits[session.recording].append(session.split)
        return splits


def find_sessions(
    listing: Listing, corpus: Specification, splits: Mapping[str, Collection[str]] | None = None
) -> Found:
    """Put the files of a listing together to sessions of a corpus and of those that share its root.

    Args:
        listing: the files.
        corpus: how they lie and are called.
        splits: recording -> splits, for labels in a tree of their own whose sessions lie elsewhere.
    """
    found, labels = Found({}), []
    for entry in listing.files:
        label = corpus.label_place(entry.parts, listing.root.name)
        place = corpus.place(entry.parts[:-1], listing.root.name)
        if label is not None:
            labels.append((label, entry))
        elif place is not None:
            session = found.sessions.setdefault(place, Session(*place))
            if entry.parts[-1].endswith(".stream~"):
                found.bodies[entry.rel.removesuffix("~")] = entry
                session.bodies.add(entry.rel.removesuffix("~"))
            else:
                _file(session, entry, corpus)
    _add_labels(found, labels, corpus, found.splits if splits is None else splits)
    for session in found.sessions.values():
        for (_, kind), entries in session.files.items():
            if kind == "video":
                entries.sort(key=lambda entry: corpus.preference(entry.parts[-1]))
    found.sessions = {key: found.sessions[key] for key in sorted(found.sessions)}
    found.strays = _strays(listing, found.sessions, corpus)
    return found


def _add_labels(
    found: Found,
    labels: list[tuple[tuple[str, str, str], Entry]],
    corpus: Specification,
    splits: Mapping[str, Collection[str]],
) -> None:
    """Add labels that lie in a tree of their own to their sessions."""
    for (split, recording, role), entry in labels:
        known = [one for one in splits.get(recording, ()) if split in ("", one)]
        for one in known:
            session = found.sessions.setdefault((one, recording), Session(one, recording))
            if role in corpus.roles:
                session.files[role, "annotation"].append(entry)
            else:
                session.unknown[role].append(entry.rel)
        if not known:
            found.loose.append(entry)


def _strays(
    listing: Listing, sessions: Mapping[tuple[str, str], Session], corpus: Specification
) -> list[str]:
    """Folders that lie where sessions of this corpus lie, and hold none."""
    ours = [session for session in sessions.values() if session.holds_data and session.split in corpus.splits]
    beside = {folder.rpartition("/")[0] for session in ours for folder in session.folders}
    strays = []
    for parts in listing.sessions:
        place = corpus.place(parts, listing.root.name)
        session = sessions.get(place) if place else None
        holds = session is not None and (session.holds_data or session.foreign)
        if place and place[0] in corpus.splits and "/".join(parts[:-1]) in beside and not holds:
            strays.append("/".join(parts))
    return strays


def _file(session: Session, entry: Entry, corpus: Specification) -> None:
    """Sort one file into its session."""
    name, place = corpus.sorted_in(entry.parts[-1])
    role, kind = place
    if role == "language" and name == "annotation.csv":
        session.files["", "text/language"].append(entry)
        return
    if name.endswith(".stream"):
        session.headers.add(entry.rel)
    if kind and role in corpus.roles:
        session.files[place].append(entry)
        session.folders.add("/".join(entry.parts[:-1]))
    elif kind:
        session.unknown[role].append(entry.parts[-1])
