"""Which trials are learnt from and which are tested: whole trials, so that no epoch of a test trial was ever seen."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from affectssm.settings.trials import ProtocolSettings

Trial = tuple[str, str, str]
"""(corpus, subject, recording)."""


@dataclass(frozen=True)
class Fold:
    """One division: its name, and the trials on either side."""

    name: str
    train: tuple[Trial, ...]
    test: tuple[Trial, ...]

    def __post_init__(self) -> None:
        both = set(self.train) & set(self.test)
        if both:
            raise ValueError(f"fold {self.name} trains and tests on {sorted(both)[0]}")


def folds(trials: Iterable[Trial], settings: ProtocolSettings) -> list[Fold]:
    """Return the folds of a protocol.

    ``within``: the trials of each subject are dealt to folds, a model is trained a subject and fold. ``pooled``: the
    same parts, those of all subjects together. ``loso``: each subject is tested by a model of all others. Every trial
    is tested exactly once. A subject's parts depend on the seed and its own trials alone; in ``blocks`` they follow one
    another by the trials' ids.

    Args:
        trials: in any order; a trial named more than once (an epoch each) counts once.
        settings: protocol, number of folds and seed.

    Folds with nothing to train on or nothing to test are left out, with their trials: a subject with a single trial
    (``within``), a single subject (``loso``).
    """
    subjects: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in sorted(set(trials)):
        subjects[trial[:2]].append(trial)
    if settings.protocol == "loso":
        divided = [(_name(subject), members) for subject, members in sorted(subjects.items())]
        everyone = [trial for _, members in divided for trial in members]
        return _made((name, members, everyone) for name, members in divided)
    parts = {subject: _dealt(subject, members, settings) for subject, members in sorted(subjects.items())}
    if settings.protocol == "within":
        return _made(
            (f"{_name(subject)}-{number}", part, subjects[subject])
            for subject, own in parts.items()
            for number, part in enumerate(own)
        )
    everyone = [trial for members in subjects.values() for trial in members]
    pooled: list[list[Trial]] = [[] for _ in range(settings.folds)]
    dealt = (
        0  # the next subject goes on where the last one stopped, so that few trials a subject fill all folds
    )
    for own in parts.values():
        for number, part in enumerate(own):
            pooled[(dealt + number) % settings.folds] += part
        dealt += sum(map(len, own)) * (settings.deal == "random")  # blocks stay together
    return _made((f"pooled-{number}", part, everyone) for number, part in enumerate(pooled))


def high(ratings: np.ndarray, settings: ProtocolSettings) -> np.ndarray:
    """Return (N,) int64: 1 for a high rating, 0 for a low one, -1 where there is none (NaN)."""
    ratings = np.asarray(ratings, np.float64)
    above = ratings >= settings.threshold if settings.equal == "high" else ratings > settings.threshold
    return np.where(np.isnan(ratings), -1, above.astype(np.int64))


def _name(subject: tuple[str, str]) -> str:
    return "-".join(subject)


def _dealt(
    subject: tuple[str, str], members: Sequence[Trial], settings: ProtocolSettings
) -> list[list[Trial]]:
    """A subject's trials in at most ``folds`` parts, one larger than another at most, dealt like cards or in blocks."""
    if settings.deal == "blocks":
        count = min(settings.folds, len(members))
        following = sorted(members, key=_numbered)
        return [
            sorted(following[at] for at in part) for part in np.array_split(np.arange(len(members)), count)
        ]
    words = "\0".join((str(settings.seed), *subject)).encode()
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(words).digest()[:8], "big"))
    order = rng.permutation(len(members))
    count = min(settings.folds, len(members))
    return [sorted(members[place] for place in order[number::count]) for number in range(count)]


def _numbered(trial: Trial) -> list[tuple[str, int]]:
    """A trial's id in an order in which session 10 follows session 2."""
    return [(text, int(digits or -1)) for text, digits in re.findall(r"([^0-9]*)([0-9]*)", trial[2])]


def _made(found: Iterable[tuple[str, Sequence[Trial], Sequence[Trial]]]) -> list[Fold]:
    """Folds of (name, tested, all); those with an empty side are left out."""
    made = []
    for name, tested, everyone in found:
        held_out = set(tested)
        train = tuple(trial for trial in sorted(everyone) if trial not in held_out)
        if train and tested:
            made.append(Fold(name, train, tuple(sorted(tested))))
    return made
