"""Which items are learnt from and which are tested: whole items, so that no segment of a tested one was ever seen."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from affectssm.settings.segments import FoldSettings

Item = tuple[str, str, str]
"""(corpus, group, item): what carries a label, of a person, say."""


@dataclass(frozen=True)
class Fold:
    """One division: its name, and the items on either side."""

    name: str
    train: tuple[Item, ...]
    test: tuple[Item, ...]

    def __post_init__(self) -> None:
        both = set(self.train) & set(self.test)
        if both:
            raise ValueError(f"fold {self.name} trains and tests on {sorted(both)[0]}")


def folds(items: Iterable[Item], settings: FoldSettings) -> list[Fold]:
    """Return the folds of a protocol.

    ``within``: the items of each group are dealt to folds, a model is trained a group and fold. ``pooled``: the same
    parts, those of all groups together. ``loso``: each group is tested by a model of all others. Every item is tested
    exactly once. A group's parts depend on the seed and its own items alone; in ``blocks`` they follow one another by
    the items' ids.

    Args:
        items: in any order; an item named more than once (a segment each) counts once.
        settings: protocol, number of folds and seed.

    Folds with nothing to train on or nothing to test are left out, with their items: a group with a single item
    (``within``), a single group (``loso``).
    """
    groups: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in sorted(set(items)):
        groups[item[:2]].append(item)
    if settings.protocol == "loso":
        divided = [(_name(group), members) for group, members in sorted(groups.items())]
        everyone = [item for _, members in divided for item in members]
        return _made((name, members, everyone) for name, members in divided)
    parts = {group: _dealt(group, members, settings) for group, members in sorted(groups.items())}
    if settings.protocol == "within":
        return _made(
            (f"{_name(group)}-{number}", part, groups[group])
            for group, own in parts.items()
            for number, part in enumerate(own)
        )
    everyone = [item for members in groups.values() for item in members]
    pooled: list[list[Item]] = [[] for _ in range(settings.folds)]
    dealt = 0  # the next group goes on where the last one stopped, so that few items a group fill all folds
    for own in parts.values():
        for number, part in enumerate(own):
            pooled[(dealt + number) % settings.folds] += part
        dealt += sum(map(len, own)) * (settings.deal == "random")  # blocks stay together
    return _made((f"pooled-{number}", part, everyone) for number, part in enumerate(pooled))


def _name(group: tuple[str, str]) -> str:
    return "-".join(group)


def _dealt(group: tuple[str, str], members: Sequence[Item], settings: FoldSettings) -> list[list[Item]]:
    """A group's items in at most ``folds`` parts, one larger than another at most, dealt like cards or in blocks."""
    if settings.deal == "blocks":
        count = min(settings.folds, len(members))
        following = sorted(members, key=_numbered)
        return [
            sorted(following[at] for at in part) for part in np.array_split(np.arange(len(members)), count)
        ]
    words = "\0".join((str(settings.seed), *group)).encode()
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(words).digest()[:8], "big"))
    order = rng.permutation(len(members))
    count = min(settings.folds, len(members))
    return [sorted(members[place] for place in order[number::count]) for number in range(count)]


def _numbered(item: Item) -> list[tuple[str, int]]:
    """An item's id in an order in which session 10 follows session 2."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", item[2])]


def _made(found: Iterable[tuple[str, Sequence[Item], Sequence[Item]]]) -> list[Fold]:
    """Folds of (name, tested, all); those with an empty side are left out."""
    made = []
    for name, tested, everyone in found:
        held_out = set(tested)
        train = tuple(item for item in sorted(everyone) if item not in held_out)
        if train and tested:
            made.append(Fold(name, train, tuple(sorted(tested))))
    return made
