"""The segments of trials: the store over some shards, and the folds of a part that have ratings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affectssm.families.biosignals.stages.format import EPOCHS
from affectssm.families.biosignals.stages.labels import rated
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.timeline.segments import SegmentIndex, SegmentStore
from affectssm.training.folds import Fold
from affectssm.training.segments import folds_of_part


def open_store(files: Sequence[Path]) -> SegmentStore:
    """Return the store of some shards' segments.

    Raises:
        DataError: if there is none.
    """
    return SegmentStore(sorted(files), EPOCHS)


def rated_folds(index: SegmentIndex, protocol: ProtocolSettings, part: str, dimension: str) -> list[Fold]:
    """Return the folds that one job trains; trials without a rating of the dimension take no part.

    Args:
        index: of all segments that the folds may learn from, or test.
        protocol: which parts trials.
        part: see :func:`affectssm.training.segments.folds_of_part`.
        dimension: valence or arousal.
    """
    return folds_of_part(index, protocol, part, rated(index, dimension))
