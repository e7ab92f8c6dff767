"""How the MultiMediate corpora lie on disk: patterns over every edition, sessions made of the files found.

No edition has a fixed root, and MPIIGI's labels, streams and media lie in parallel trees. So all that is
relied on is `<split folder>/<session>/<role>.<name>`: files of one split and session belong together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from affectssm.corpora.listing import SPLIT_FOLDER, VIDEOS, Entry, Listing

FEATURES = {
    "egemapsv2": "egemapsv2",
    "w2vbert2_embeddings": "w2vbert2",
    "clip": "clip",
    "openface2": "openface2",
    "openpose": "openpose",
}
# streams that are shipped and not used: dimensions they are known with (MPIIGI's dino has 2304)
EXTRAS = {
    "gemaps": (58,),
    "soundnet": (256,),
    "xlm_roberta_embeddings": (768,),
    "openface3": (21,),
    "kinect2.skeleton": (350,),
    "kinect2.au": (17,),
    "dino": (768,),
    "swin": (768,),
    "videomae": (1408,),
    "imagebind": (1024,),
}
KNOWN_ROLES = re.compile(r"expert|novice|subjectPos[1-9]|purple|yellow|env")
_J_EDITION = re.compile(r"noxi[\s_+-]*j\w*", re.IGNORECASE)
_STREAM = re.compile(r"(?:(?:audio|video)\.)?(?P<feature>[^~]+?)\.stream")
_MEDIA = {"audio.wav": "audio", "wav": "audio"} | {
    name: "video" for suffix in VIDEOS for name in (f"video{suffix}", suffix[1:])
}
_LABEL = "engagement.annotation.csv"


@dataclass(frozen=True)
class Layout:
    """What sets one corpus apart from the others.

    Attributes:
        corpus: the name used everywhere here.
        title: the owner's name for it.
        roles: participants, in seat order.
        open_seats: whether a seat may stay empty.
        family: split folder -> split, of every corpus that shares the root's sessions.
        splits: the splits of this corpus.
        pattern: how a session of it looks, for messages.
    """

    corpus: str
    title: str
    roles: tuple[str, ...]
    open_seats: bool
    family: Mapping[str, str]
    splits: tuple[str, ...]
    pattern: str


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


@dataclass
class Found:
    """Sessions by (split, recording), stream bodies by the header's path, folders that hold no session."""

    sessions: dict[tuple[str, str], Session]
    bodies: dict[str, Entry] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)


def find_sessions(listing: Listing, layout: Layout) -> Found:
    """Put the files of a listing together to sessions of the layout's family of splits."""
    found = Found({})
    for entry in listing.files:
        place = _place(entry.parts[:-1], listing.root.name, layout)
        if place is None:
            continue
        session = found.sessions.setdefault(place, Session(*place))
        if entry.parts[-1].endswith(".stream~"):
            found.bodies[entry.rel.removesuffix("~")] = entry
            session.bodies.add(entry.rel.removesuffix("~"))
        else:
            _file(session, entry, layout)
    for session in found.sessions.values():
        for (_, kind), entries in session.files.items():
            if kind == "video":
                entries.sort(key=lambda entry: VIDEOS.index(PurePath(entry.rel).suffix.lower()))
    found.sessions = {key: found.sessions[key] for key in sorted(found.sessions)}
    found.strays = _strays(listing, found.sessions, layout)
    return found


def _strays(listing: Listing, sessions: Mapping[tuple[str, str], Session], layout: Layout) -> list[str]:
    """Folders that lie where sessions of this corpus lie, and hold none."""
    ours = [session for session in sessions.values() if session.holds_data and session.split in layout.splits]
    beside = {folder.rpartition("/")[0] for session in ours for folder in session.folders}
    strays = []
    for parts in listing.sessions:
        place = _place(parts, listing.root.name, layout)
        session = sessions.get(place) if place else None
        holds = session is not None and (session.holds_data or session.foreign)
        if place and place[0] in layout.splits and "/".join(parts[:-1]) in beside and not holds:
            strays.append("/".join(parts))
    return strays


def stream_name(name: str) -> str | None:
    """Manifest kind of a stream's file name without its role, `extra/<name>` for one that is not used."""
    match = _STREAM.fullmatch(name)
    if match is None:
        return None
    feature = match["feature"]
    return FEATURES.get(feature, f"extra/{feature}")


def _place(folder: tuple[str, ...], root_name: str, layout: Layout) -> tuple[str, str] | None:
    """(split, session) of a folder, or None where it is no session folder of the layout's family."""
    context = (root_name, *folder)
    if len(context) < 2 or any(map(_J_EDITION.fullmatch, context)):
        return None
    if SPLIT_FOLDER.fullmatch(context[-1]):
        return None
    match = SPLIT_FOLDER.fullmatch(context[-2])
    split = layout.family.get(match["split"].lower()) if match else None
    return (split, context[-1]) if split else None


def _file(session: Session, entry: Entry, layout: Layout) -> None:
    """Sort one file into its session."""
    role, _, name = entry.parts[-1].partition(".")
    if role == "language" and name == "annotation.csv":
        session.files["", "text/language"].append(entry)
        return
    kind = stream_name(name) or _MEDIA.get(name.lower())
    if name.endswith(".stream"):
        session.headers.add(entry.rel)
    if kind is None and name == _LABEL:
        kind = "annotation"
    if kind is None and name.endswith(".annotation.csv"):
        kind = "text/" + name.removesuffix(".annotation.csv").removeprefix("audio.")
    if kind is not None and role in layout.roles:
        session.files[role, kind].append(entry)
        session.folders.add("/".join(entry.parts[:-1]))
    elif kind is not None:
        session.unknown[role].append(entry.parts[-1])
