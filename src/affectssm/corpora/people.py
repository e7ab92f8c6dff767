"""A participant of a recording: the files found, and what they turned out to hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from affectssm.corpora.listing import Entry


@dataclass(frozen=True, slots=True)
class Source:
    """The file chosen for one kind: where it lies, below which base, and a stream's body."""

    path: Path
    entry: Entry
    base: str
    body: Entry | None = None


@dataclass
class Person:
    """A participant of a recording, the files found, and what they turned out to hold.

    Keys are the manifest's kinds; in `sources` also `extra/<name>`, the streams that are not used.
    """

    split: str
    recording: str
    participant: str
    sources: dict[str, Source]
    measured: dict[str, Measured] = field(default_factory=dict)

    def present(self) -> Present:
        """Return what is left of a participant once it is measured."""
        kinds = _same(frozenset(self.sources)), _same(frozenset(self.measured))
        return Present(self.split, self.recording, self.participant, *kinds)


@dataclass(frozen=True, slots=True)
class Present:
    """A participant without its files: of which kinds some were found, and which could be used."""

    split: str
    recording: str
    participant: str
    sources: frozenset[str]
    measured: frozenset[str]


@cache
def _same(kinds: frozenset[str]) -> frozenset[str]:
    """Return one object for equal sets: most people have the same files."""
    return kinds


@dataclass(frozen=True, slots=True)
class Measured:
    """What a source holds; the fields are those of `StreamRow`, but `start_s`: where its first row lies, in seconds."""

    source: Source
    rate: float
    frames: int
    dim: int
    duration_s: float
    start_s: float = 0.0
