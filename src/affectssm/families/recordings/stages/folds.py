"""Which recordings a part learns from, which select its epoch, and which it reports.

Where the corpus says what is for training and what is not, there is one part, ``main``: it learns from ``train`` and
reports ``test`` or, where there is none, ``val``; ``val`` selects unless it is reported. Elsewhere recordings are dealt
to folds, ``fold1`` and so on, each of which is reported once by a model of the others. A *group* (the recordings of one
person, or of one family) is never divided; groups with a recording in common (its participants may have several) are
one. Of labels over time those of partners count who have none themselves: models see them. What selects, where the
corpus does not say it, is about a fifth of the groups to learn from. The division follows from the names of the
labelled recordings and the groups of their participants alone, so that it is the same for every source of features.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from affectssm.corpora.manifest import StreamRow, is_test_split
from affectssm.errors import DataError
from affectssm.settings.segments import FoldSettings
from affectssm.timeline.windows import holdout
from affectssm.training.folds import folds

MAIN = "main"  # the part of a division that the corpus makes
LEAST = 3  # groups: one to learn from, one that selects, one that is reported
OVER_TIME = "annotation"  # the kind of labels that are answered from a participant and the partners
DEALING = 0  # seed of the order in which groups are dealt to folds


@dataclass(frozen=True)
class Part:
    """A division of recordings, by what they are for: their names, sorted."""

    learn: tuple[str, ...]
    select: tuple[str, ...]
    report: tuple[str, ...]


def groups_of(rows: Iterable[StreamRow], kind: str) -> dict[str, dict[str, list[str]]]:
    """Return the recordings that have a row of a kind of labels: split -> group -> recordings, all sorted.

    Groups that have a recording in common are one, under the first of their names.
    """
    rows = list(rows)
    labelled = [row for row in rows if row.kind == kind]
    if kind == OVER_TIME:
        recordings = {row.recording for row in labelled}
        one = _joined(row for row in rows if row.recording in recordings)
    else:
        one = _joined(labelled)
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in labelled:
        found[row.split][one[row.fold_group]].add(row.recording)
    return {
        split: {group: sorted(own) for group, own in sorted(groups.items())}
        for split, groups in sorted(found.items())
    }


def _joined(rows: Iterable[StreamRow]) -> dict[str, str]:
    """Return what each group is called once those with a recording in common, over any others, are one."""
    together: dict[str, set[str]] = {}  # group -> all that it is one with
    first: dict[str, str] = {}  # recording -> a group of it
    for row in rows:
        own = together.setdefault(row.fold_group, {row.fold_group})
        other = together[first.setdefault(row.recording, row.fold_group)]
        if own is not other:
            own |= other
            together |= dict.fromkeys(own, own)
    return {group: min(own) for group, own in together.items()}


def parts_of(groups: Mapping[str, Mapping[str, Sequence[str]]], count: int) -> list[str]:
    """Return the names of the parts: ``main``, or one a fold.

    Args:
        groups: as :func:`groups_of` returns them; what there is too little of has no parts but the first.
        count: folds at most.
    """
    if _divided(groups):
        return [MAIN]
    return [f"fold{number}" for number in range(1, _folds_of(len(_pooled(groups)), count) + 1)]


def divide(groups: Mapping[str, Mapping[str, Sequence[str]]], count: int, where: str) -> dict[str, Part]:
    """Return the parts by their names.

    Args:
        groups: as :func:`groups_of` returns them.
        count: folds at most.
        where: the manifest, for messages.

    Raises:
        DataError: with too few groups for a part, or a group on both sides.
    """
    if _divided(groups):
        return {MAIN: _official(groups, where)}
    pooled = _pooled(groups)
    if len(pooled) < LEAST:
        raise _too_few(pooled, where)
    items = {(MAIN, MAIN, group) for group in pooled}
    dealt = folds(items, FoldSettings(protocol="pooled", folds=_folds_of(len(pooled), count), seed=DEALING))
    found = {}
    for number, fold in enumerate(dealt, start=1):
        reported = [group for _, _, group in fold.test]
        found[f"fold{number}"] = _part(pooled, [group for _, _, group in fold.train], reported)
    return found


def _divided(groups: Mapping[str, Mapping[str, Sequence[str]]]) -> bool:
    """Whether the corpus says what is reported."""
    return any(split == "val" or is_test_split(split) for split in groups)


def _pooled(groups: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for own in groups.values():
        for group, recordings in own.items():
            found[group] += recordings
    return dict(sorted(found.items()))


def _folds_of(groups: int, count: int) -> int:
    """As many folds as are asked for, fewer of few groups; more where one to learn from and one to select would not be
    left otherwise."""
    few = max(2, min(count, groups))
    return few if groups - -(-groups // few) >= LEAST - 1 else max(few, groups)


def _part(groups: Mapping[str, Sequence[str]], learnt: Sequence[str], reported: Sequence[str]) -> Part:
    selecting = holdout(learnt)
    return Part(
        _recordings(groups, set(learnt) - selecting),
        _recordings(groups, selecting),
        _recordings(groups, reported),
    )


def _recordings(groups: Mapping[str, Sequence[str]], chosen: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(recording for group in chosen for recording in groups[group]))


def _official(groups: Mapping[str, Mapping[str, Sequence[str]]], where: str) -> Part:
    train = {**groups.get("all", {}), **groups.get("train", {})}
    tests = {split: own for split, own in groups.items() if is_test_split(split)}
    reported = _pooled(tests) if tests else dict(groups["val"])
    val = groups.get("val", {}) if tests else {}
    both = sorted(set(train) & (set(reported) | set(val)) | (set(val) & set(reported)))
    if both:
        raise DataError(
            where,
            f"{len(both)} groups on both sides of the split: {', '.join(both[:5])}",
            "all recordings of a group (a person, say) in one part; groups with a recording in common are one",
            "mend the columns split and group of the table of recordings",
        )
    if len(train) < LEAST - 1 - bool(val):
        raise DataError(
            where,
            f"{len(train)} groups of recordings with labels in the split train, {len(val)} that select",
            "one group to learn from and one that selects the epoch at least",
            "move recordings to train or val in the table of recordings, or leave its column split out for folds",
        )
    if val:
        return Part(_recordings(train, train), _recordings(val, val), _recordings(reported, reported))
    return _part({**train, **reported}, sorted(train), sorted(reported))


def _too_few(groups: Mapping[str, Sequence[str]], where: str) -> DataError:
    names = ", ".join(groups) or "none"
    return DataError(
        where,
        f"recordings (or groups of them) with labels: {len(groups)} ({names})",
        f"{LEAST} at least: one to learn from, one that selects the epoch, one that is reported; groups with a "
        "recording in common are one",
        "add recordings with labels (faults.parquet beside the manifest says which were left out and why), or cut a "
        "long recording into parts that share nothing",
    )
