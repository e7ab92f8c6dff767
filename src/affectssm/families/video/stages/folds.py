"""Which videos a fold learns from, which select its epoch, and which it reports.

Fold 0 is the official split: learn from ``train``, report ``val``. The others divide the videos of both into as many
parts; each part is reported once. A recording is a video, so two people of one video are never on both sides (the
released code deals people, not videos). What selects an epoch is about a fifth of the videos to learn from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from affectssm.errors import DataError
from affectssm.settings.segments import FoldSettings
from affectssm.timeline.index import Target
from affectssm.timeline.windows import holdout
from affectssm.training.folds import folds

OFFICIAL = 0  # the fold of the official split
DEALING = 0  # seed of the order in which videos are dealt to folds: the same for every run


@dataclass(frozen=True)
class Division:
    """The people of a fold by what they are for, each as (recording, participant). It keeps videos apart.

    Raises:
        DataError: when a video is learnt from and selects or is reported.
    """

    fold: int
    learn: frozenset[tuple[str, str]]
    select: frozenset[tuple[str, str]]
    report: frozenset[tuple[str, str]]

    def __post_init__(self) -> None:
        learnt = {recording for recording, _ in self.learn}
        both = sorted(learnt & {recording for recording, _ in self.select | self.report})
        if both:
            raise DataError(
                f"fold {self.fold}",
                f"{len(both)} videos on both sides: {', '.join(both[:5])}",
                "all people of a video on one side, since they share its scene and its length",
                "deal recordings, not people",
            )


def reported(targets: Iterable[Target], fold: int, cross_folds: int) -> set[str]:
    """Return the recordings that a fold reports.

    Raises:
        DataError: with fewer videos than folds.
    """
    found = list(targets)
    if fold == OFFICIAL:
        return {target.recording for target in found if target.split == "val"}
    items = {(target.corpus, target.corpus, target.recording) for target in found}
    dealt = folds(items, FoldSettings(protocol="pooled", folds=cross_folds, seed=DEALING))
    if len(dealt) < cross_folds:
        raise DataError(
            "train and val",
            f"{len(items)} videos with labels and features",
            f"{cross_folds} at least, one a fold",
            "lower video.cross_folds, or leave the folds from 1 on out of video.folds",
        )
    return {recording for _, _, recording in dealt[fold - 1].test}


def divide(targets: Iterable[Target], fold: int, cross_folds: int, selection: str = "inner") -> Division:
    """Return the people of a fold.

    Args:
        targets: people of train and val.
        fold: 0 for the official split, from 1 on of the cross-validation.
        cross_folds: how many of those.
        selection: ``inner``: held-out videos of those to learn from select; ``reported``: the reported ones do.

    Raises:
        DataError: when nobody is left to learn from or to report.
    """
    found = list(targets)
    kept = reported(found, fold, cross_folds)
    people = {(target.recording, target.participant) for target in found}
    report = {one for one in people if one[0] in kept}
    rest = people - report
    if not rest or not report:
        raise DataError(
            f"fold {fold}",
            f"{len(rest)} people to learn from, {len(report)} to report",
            "one of each at least",
            "look into missing.parquet beside the windows, and into the fault table",
        )
    inner = holdout(recording for recording, _ in rest) if selection == "inner" else set()
    select = {one for one in rest if one[0] in inner} if selection == "inner" else report
    return Division(fold, frozenset(rest - select), frozenset(select), frozenset(report))
