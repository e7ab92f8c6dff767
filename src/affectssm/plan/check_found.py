"""What a discovered corpus holds: recordings by split, what they lack, faults by kind, counts against a release."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from affectssm.store.faults import Fault, read_faults
from affectssm.vocabulary.faults import CODES
from affectssm.vocabulary.kinds import FRAME_LIST, LABEL_KINDS
from affectssm.vocabulary.releases import RELEASES, Release

if TYPE_CHECKING:
    from affectssm.corpora.manifest import StreamRow

ANYTHING = "anything"
"""Stands for every kind: of who belongs to a recording and of whom no file can be used."""
GRAVITY = ("quarantined", "truncated", "masked", "decided", "ignored")
"""What was done about a fault, the worst first: what is lost as a whole, what in part, what nothing is lost by."""
_MEDIA = ("video", "audio")
_COUNTS = "counts_differ"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
Person = tuple[str, str]


@dataclass(frozen=True)
class Lack:
    """What people of a split lack.

    Attributes:
        split: of the corpus.
        kinds: of the rows that they lack, or :data:`ANYTHING` alone.
        people: who lacks it, ``recording/participant``.
        of: how many people there are in the split.
    """

    split: str
    kinds: tuple[str, ...]
    people: tuple[str, ...]
    of: int

    @property
    def withheld(self) -> bool:
        """Whether it is the labels of a whole test part, which owners do not give away."""
        return self.nobody and self.split.startswith("test") and set(self.kinds) <= set(LABEL_KINDS)

    @property
    def nobody(self) -> bool:
        """Whether nobody of the split has it."""
        return len(self.people) == self.of


@dataclass(frozen=True)
class FaultKind:
    """Faults of one code.

    Attributes:
        code: a key of the vocabulary's codes.
        count: how many.
        actions: what was done -> how often, the worst first.
        worst: the three worst.
    """

    code: str
    count: int
    actions: Mapping[str, int]
    worst: tuple[Fault, ...]

    @property
    def words(self) -> str:
        """What it means."""
        return CODES.get(self.code, "")

    @property
    def harmful(self) -> bool:
        """Whether something is lost by one of them."""
        return any(action in GRAVITY[:3] for action in self.actions)


@dataclass(frozen=True)
class Found:
    """What a corpus holds.

    Attributes:
        recordings: split -> how many.
        lacks: what people lack of what is wanted.
        faults: by code, the worst first.
        counts: where a release holds other numbers, in words.
        short: video and sound of less than half of what their recordings last, in words; a still picture is one.
    """

    recordings: Mapping[str, int] = field(default_factory=dict)
    lacks: tuple[Lack, ...] = ()
    faults: tuple[FaultKind, ...] = ()
    counts: tuple[str, ...] = ()
    short: tuple[str, ...] = ()


def found_in(corpus: str, folder: Path, kinds: Sequence[str], compare: bool) -> Found:
    """Return what a corpus holds.

    Args:
        corpus: its name.
        folder: of its manifest and faults.
        kinds: of rows that asked tables are made of.
        compare: with the owner's release; a demo is none.
    """
    from affectssm.corpora.manifest import read_manifest
    from affectssm.store.card import read_card

    path = folder / "manifest.parquet"
    rows = read_manifest(path)
    seats = (read_card(path) or {}).get("extra", {}).get("seats", {})
    people = _people(rows, seats)
    faults = read_faults(folder / "faults.parquet")
    told = []
    if compare:  # readers of clips compare their counts themselves
        told = [f"found {one.found}, the release has {one.expected}" for one in faults if one.code == _COUNTS]
        told += [text for release in RELEASES.get(corpus, ()) for text in _compared(release, rows, people)]
    return Found(
        {split: len({recording for recording, _ in own}) for split, own in people.items()},
        tuple(_lacks(rows, people, kinds)),
        by_kind(one for one in faults if one.code != _COUNTS),
        tuple(told),
        tuple(_short(rows)),
    )


def by_kind(faults: Iterable[Fault]) -> tuple[FaultKind, ...]:
    """Return faults by code, those first of which the worst is graver, then those that are more.

    Of a code the worst are those of which more was lost, by what was done (:data:`GRAVITY`), and of these those whose
    description begins with a greater number: most tell how much there is of it (seconds, lines, rows).
    """
    groups: dict[str, list[Fault]] = defaultdict(list)
    for one in faults:
        groups[one.code].append(one)
    found = []
    for code, own in groups.items():
        ordered = sorted(own, key=_badness)
        actions = Counter(one.action for one in ordered)
        found.append(FaultKind(code, len(own), dict(actions), tuple(ordered[:3])))
    return tuple(sorted(found, key=lambda one: (_gravity(one.worst[0]), -one.count, one.code)))


def _badness(one: Fault) -> tuple[int, float, str, str]:
    number = _NUMBER.search(one.found)
    return _gravity(one), -float(number[0]) if number else 0.0, one.recording, one.participant


def _gravity(one: Fault) -> int:
    return GRAVITY.index(one.action) if one.action in GRAVITY else len(GRAVITY)


def _people(
    rows: Sequence[StreamRow], seats: Mapping[str, Mapping[str, Sequence[str]]]
) -> dict[str, dict[Person, set[str]]]:
    """Split -> (recording, participant) -> kinds of rows; also of those who belong to a recording and have none."""
    found: dict[str, dict[Person, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        found[row.split][row.recording, row.participant].add(row.kind)
    for split, recordings in seats.items():
        for recording, people in recordings.items():
            for who in people:
                found[split].setdefault((recording, who), set())
    return {split: dict(sorted(own.items())) for split, own in sorted(found.items())}


def _lacks(
    rows: Sequence[StreamRow], people: Mapping[str, Mapping[Person, set[str]]], kinds: Sequence[str]
) -> Iterator[Lack]:
    """Yield what people of each split lack; kinds that the same people lack together, labels apart."""
    several = len({row.participant for row in rows}) > 1
    for split, own in people.items():
        held = {one: there for one, there in own.items() if there}
        if gone := [one for one in own if one not in held]:
            yield Lack(split, (ANYTHING,), _named(gone, several), len(own))
        alike: dict[tuple[bool, tuple[str, ...]], list[str]] = defaultdict(list)
        for kind in kinds:
            without = _named((one for one, there in held.items() if kind not in there), several)
            if without and (kind != FRAME_LIST or split.startswith("test")):
                alike[kind in LABEL_KINDS, without].append(kind)
        for (_, without), lacking in alike.items():
            yield Lack(split, tuple(lacking), without, len(held))


def _short(rows: Sequence[StreamRow]) -> Iterator[str]:
    """Yield media of less than half of what most of what belongs to their recording lasts."""
    lasts: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.kind in (*_MEDIA, "annotation"):
            lasts[row.recording].append(row.duration_s)
    for row in rows:
        usual = statistics.median_high(lasts[row.recording]) if row.kind in _MEDIA else 0.0
        if row.duration_s < usual / 2:
            picture = ", a still picture" if row.kind == "video" and row.frames == 1 else ""
            yield f"{row.recording}/{row.participant} {row.kind}: {row.duration_s:.2g} of {usual:.3g} s{picture}"


def _named(people: Iterable[Person], several: bool) -> tuple[str, ...]:
    return tuple("/".join(one) if several else one[0] for one in people)


def _compared(
    release: Release, rows: Sequence[StreamRow], people: Mapping[str, Mapping[Person, set[str]]]
) -> Iterator[str]:
    labelled = {(row.recording, row.participant) for row in rows if row.kind in LABEL_KINDS}
    for split, (least, most) in release.splits.items():
        own = {one for one, held in people.get(split, {}).items() if held}
        count = {
            "recordings": len({recording for recording, _ in own}),
            "people": len(own),
            "labelled": len(own & labelled),
            "subjects": len({who for _, who in own}),
        }[release.counted]
        if not least <= count <= most:
            known = f"{least:,}" if least == most else f"{least:,} to {most:,}"
            yield f"{split}: found {count:,} {release.unit}, the release has {known}"
