"""Segments as models see them: which ones a fold learns from and tests, and their standardised samples."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affectssm.settings.segments import FoldSettings
from affectssm.timeline.segments import ChannelScaler, SegmentIndex, SegmentStore
from affectssm.training.folds import Fold, folds

if TYPE_CHECKING:
    from torch import Tensor

POOLED = "f"  # parts of the pooled protocol are single folds: f00, f01, ...


class SegmentData:
    """The segments of a store, standardised.

    Args:
        store: of the segments.
        modalities: those that the model sees, in its order.
        scaler: learnt on the fold's training segments.

    Attributes:
        channels: C of every modality.
        samples: L a segment.

    Raises:
        DataError: if the segments lack a modality.
    """

    def __init__(self, store: SegmentStore, modalities: Sequence[str], scaler: ChannelScaler) -> None:
        self.channels, self.samples = store.shapes_of(modalities)
        self.store, self.scaler = store, scaler

    def values(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Return ``{modality: (n, C, L)}`` float32 of segments by their rows, zeros where a modality is not there."""
        import torch  # here, since masks are drawn without it

        there = self.store.index.there
        return {
            name: torch.from_numpy(self.scaler.apply(name, self.store.values(name, rows), there[name][rows]))
            for name in self.channels
        }


def segment_ids(index: SegmentIndex, rows: np.ndarray) -> list[str]:
    """Return ``{corpus}/{group}/{item}/{number}`` of segments by their rows; names for files' rows, never paths."""
    return ["/".join((*index.key[row], str(index.number[row]))) for row in rows]


def folds_of_part(index: SegmentIndex, settings: FoldSettings, part: str, labelled: np.ndarray) -> list[Fold]:
    """Return the folds that one job trains.

    Args:
        index: of all segments that the folds may learn from, or test.
        settings: how items come to folds.
        part: a shard, whose groups the folds test (``within`` and ``loso``), or ``f00``, a fold of ``pooled``.
        labelled: rows of the segments with a label; the others take no part.
    """
    found = folds([index.key[row] for row in labelled], settings)
    if settings.protocol == "pooled":
        return [fold for fold in found if fold.name == f"pooled-{int(part.removeprefix(POOLED))}"]
    shards = {index.key[row][:2]: index.shard[row] for row in labelled}
    return [fold for fold in found if shards[fold.test[0][:2]] == part]


def rows_tested(index: SegmentIndex, fold: Fold) -> np.ndarray:
    """Return the rows of the segments that a fold tests, by group, item and number."""
    return _in_order(index, index.rows_of(fold.test))


def rows_learnt(index: SegmentIndex, fold: Fold) -> np.ndarray:
    """Return the rows of the segments that a fold learns from, by group, item and number."""
    return _in_order(index, index.rows_of(fold.train))


def _in_order(index: SegmentIndex, rows: np.ndarray) -> np.ndarray:
    """The same order however the groups are spread over shards."""
    order = sorted(rows.tolist(), key=lambda row: (*index.key[row], int(index.number[row])))
    return np.array(order, np.int64)


def development_groups(index: SegmentIndex, count: int) -> set[tuple[str, str]]:
    """Return the (corpus, group) that choose learning rates and are not tested.

    They follow from their names alone, so that a new group changes as little as it can.
    """
    groups = {key[:2] for key in index.key}
    ordered = sorted(groups, key=lambda group: hashlib.sha256("\0".join(group).encode()).digest())
    return set(ordered[:count])
