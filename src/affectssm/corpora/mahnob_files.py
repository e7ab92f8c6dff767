"""Which files below MAHNOB-HCI's root belong to which session."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from affectssm.corpora.listing import Entry, Listing
from affectssm.corpora.trial_manifest import note_strays
from affectssm.store.faults import FaultLog

_FOLDER = re.compile(r"\d{1,5}")
_EMOTION = re.compile(r"Part_(?P<subject>\d+)_(?P<kind>[SN])_Trial(?P<trial>\d+)_emotion\.bdf", re.IGNORECASE)
_TAGGING = re.compile(r"Part_\d+_Trial\d+_tagging\w*\.bdf", re.IGNORECASE)
_BESIDE = re.compile(r"P\d+-Rec\d.*\.(?:avi|wav|tsv)", re.IGNORECASE)


@dataclass
class Session:
    """The files of one folder."""

    folder: str
    xml: list[Entry] = field(default_factory=list)
    emotion: list[Entry] = field(default_factory=list)
    tagging: list[Entry] = field(default_factory=list)

    def place(self, name: str) -> list[Entry] | None:
        """Return the list a file belongs to by its name."""
        if name == "session.xml":
            return self.xml
        if _EMOTION.fullmatch(name):
            return self.emotion
        return self.tagging if _TAGGING.fullmatch(name) else None


def signals_name(entry: Entry) -> re.Match[str] | None:
    """Subject, kind (S or N) and trial, by the name of the signals of a session of the emotion experiment."""
    return _EMOTION.fullmatch(entry.parts[-1])


def session_of(entry: Entry) -> str | None:
    """Return the number of the session whose folder a file lies in, or None."""
    above = entry.parts[:-1]
    inside = above and _FOLDER.fullmatch(above[-1]) and above[-2:-1] != ("Subjects",)
    return above[-1] if inside else None


def sort_sessions(listing: Listing, log: FaultLog) -> list[Session]:
    """The sessions, in the order of their numbers; other files in their folders are strays."""
    sessions: dict[tuple[str, ...], Session] = {}
    strays = []
    for entry in listing.files:
        above, name = entry.parts[:-1], entry.parts[-1]
        if session_of(entry) is not None:
            held = sessions.setdefault(above, Session(above[-1])).place(name)
            if held is not None:
                held.append(entry)
            elif not _BESIDE.fullmatch(name):
                strays.append(entry)
        elif name.startswith("."):
            strays.append(entry)
    note_strays(strays, log)
    return _once([sessions[place] for place in sorted(sessions)], log)


def _once(sessions: list[Session], log: FaultLog) -> list[Session]:
    """The sessions that hold something, one a number."""
    by_folder: dict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        if session.xml or session.emotion or session.tagging:
            by_folder[session.folder].append(session)
    for folder, several in by_folder.items():
        if len(several) > 1:
            expected = "one; the first in the order of paths was taken"
            found = f"{len(several)} folders of this number"
            log.about(folder).add("duplicate_recording", "", found, expected, "decided")
    return [by_folder[folder][0] for folder in sorted(by_folder, key=lambda name: (int(name), name))]
