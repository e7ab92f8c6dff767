"""What a corpus of dialogues says of itself: how its files lie and are called. Discovery is the same for all.

All that is relied on is that files of one split and session belong together. They lie in
``<split folder>/<session>``, in as many parallel trees as there are; labels may lie in a tree of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from affectssm.corpora.listing import SPLIT_FOLDER

_FILE = re.compile(r"(?P<role>[^.]*)\.?(?P<name>.*)")
_STREAM = re.compile(r"(?:(?:audio|video)\.)?(?P<feature>[^~]+?)\.stream")
_OTHER = ".annotation.csv"  # of annotations that are no labels
_PLACE = re.compile(r"\\\{(split|session|role)\\\}")


@dataclass(frozen=True)
class Specification:
    """What sets one corpus of dialogues apart from the others.

    Attributes:
        corpus: the name used everywhere here.
        title: the owner's name for it.
        roles: participants, in seat order.
        open_seats: whether a seat may stay empty.
        folders: split folder in small letters -> split (``train``, ``val``, or what begins with ``test``), of every
            corpus that shares the root's sessions.
        splits: the splits of this corpus.
        pattern: how a session of it looks, for messages.
        media: a file's name without its role, in small letters -> ``audio`` or ``video``, preferred formats first.
        label: a label's name without its role, if it lies with the session's files; else the end of its path with
            ``{session}``, ``{role}`` and, where sessions of several splits have the same name, ``{split}``. How it is
            read stands in :mod:`affectssm.vocabulary.corpora`.
        streams: name of a stream -> kind; others are known as ``extra/<name>`` and not used.
        file: groups ``role`` and ``name`` of a file's name in a session's folder.
        split_folder: names of split folders, with ``folders``' key as group ``split``.
        apart: folders that hold another corpus.
    """

    corpus: str
    title: str
    roles: tuple[str, ...]
    folders: Mapping[str, str]
    splits: tuple[str, ...]
    pattern: str
    media: Mapping[str, str]
    label: str
    streams: Mapping[str, str] = field(default_factory=dict)
    open_seats: bool = False
    file: re.Pattern[str] = _FILE
    split_folder: re.Pattern[str] = SPLIT_FOLDER
    apart: re.Pattern[str] | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the manifest that a participant should have, without the label."""
        return *dict.fromkeys(self.streams.values()), *sorted(set(self.media.values()), reverse=True)

    def place(self, folder: tuple[str, ...], root_name: str) -> tuple[str, str] | None:
        """Return (split, session) of a folder below the root, or None where it is no session's."""
        context = (root_name, *folder)
        if len(context) < 2 or (self.apart and any(map(self.apart.fullmatch, context))):
            return None
        if self.split_folder.fullmatch(context[-1]):
            return None
        match = self.split_folder.fullmatch(context[-2])
        split = self.folders.get(match["split"].lower()) if match else None
        return (split, context[-1]) if split else None

    def label_place(self, parts: tuple[str, ...], root_name: str) -> tuple[str, str, str] | None:
        """Return (split, session, role) of a label in a tree of its own; the split is empty where its path has none."""
        match = self._label_path.fullmatch("/".join((root_name, *parts))) if "/" in self.label else None
        if match is None:
            return None
        found = match.groupdict()
        split = self.folders.get(found["split"].lower()) if "split" in found else ""
        return None if split is None else (split, found["session"], found["role"])

    @cached_property
    def _label_path(self) -> re.Pattern[str]:
        return re.compile(r"(?:.*/)?" + _PLACE.sub(r"(?P<\1>[^/]+)", re.escape(self.label)))

    def role_and_name(self, file: str) -> tuple[str, str]:
        """Divide the name of a file in a session's folder; a file of nobody has the role ""."""
        match = self.file.fullmatch(file)
        return (match["role"], match["name"]) if match else ("", file)

    @cached_property
    def sorted_in(self) -> Callable[[str], tuple[str, tuple[str, str]]]:
        """A function from a file's name to its name without the role, and (role, kind), "" where it has none.

        Sessions have the same names of files: each is looked at once.
        """

        @lru_cache(maxsize=4096)
        def look(file: str) -> tuple[str, tuple[str, str]]:
            role, name = self.role_and_name(file)
            return name, (role, self.kind(name) or "")

        return look

    def preference(self, file: str) -> int:
        """Return the place of a medium's format among those of the corpus; the first is preferred."""
        formats = list(dict.fromkeys(name.rpartition(".")[2] for name in self.media))
        return formats.index(self.role_and_name(file)[1].lower().rpartition(".")[2])

    def stream_kind(self, name: str) -> str | None:
        """Return the kind of a stream's header by its name without the role, ``extra/<name>`` if it is not used."""
        match = _STREAM.fullmatch(name)
        return self.streams.get(match["feature"], f"extra/{match['feature']}") if match else None

    def kind(self, name: str) -> str | None:
        """Return what a file is by its name without the role; ``text/<name>`` is another annotation."""
        kind = self.stream_kind(name) or self.media.get(name.lower())
        if kind is None and name == self.label:
            return "annotation"
        if kind is None and name.endswith(_OTHER):
            return "text/" + name.removesuffix(_OTHER).removeprefix("audio.")
        return kind
