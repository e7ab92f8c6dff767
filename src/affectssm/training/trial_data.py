"""Segments of trials as models see them: which ones a fold learns from and tests, and their standardised signals."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affectssm.errors import DataError
from affectssm.settings.trials import ProtocolSettings
from affectssm.timeline.epoch_store import ChannelScaler, EpochIndex, EpochStore
from affectssm.training.folds import Fold, folds, high

if TYPE_CHECKING:
    from torch import Tensor

POOLED = "f"  # parts of the pooled protocol are single folds: f00, f01, ...


class TrialData:
    """The segments of a store, standardised.

    Args:
        store: of the epochs.
        modalities: those that the model sees, in its order.
        scaler: learnt on the fold's training segments.

    Raises:
        DataError: if the corpus lacks a modality.
    """

    def __init__(self, store: EpochStore, modalities: Sequence[str], scaler: ChannelScaler) -> None:
        lacking = [name for name in modalities if name not in store.shapes]
        if lacking:
            raise DataError(
                store.files[0].parent,
                f"no {', '.join(lacking)}",
                f"epochs of {', '.join(modalities)}",
                "mend biosignals.modalities",
            )
        self.store, self.modalities, self.scaler = store, tuple(modalities), scaler

    @property
    def channels(self) -> dict[str, int]:
        """Channels C of every modality."""
        return {name: self.store.shapes[name][0] for name in self.modalities}

    @property
    def samples(self) -> int:
        """Samples L a segment."""
        return self.store.shapes[self.modalities[0]][1]

    def signals(self, numbers: np.ndarray) -> dict[str, Tensor]:
        """Return ``{modality: (n, C, L)}`` float32 of epochs by their numbers, zeros where a modality is not there."""
        import torch  # here, since masks are drawn without it

        there = self.store.index.there
        return {
            name: torch.from_numpy(
                self.scaler.apply(name, self.store.values(name, numbers), there[name][numbers])
            )
            for name in self.modalities
        }


def segment_ids(index: EpochIndex, numbers: np.ndarray) -> list[str]:
    """Return ``{corpus}/{subject}/{trial}/{epoch}`` of epochs by their numbers; names for files' rows, never paths."""
    return ["/".join((*index.key[number], str(index.epoch[number]))) for number in numbers]


def folds_of_part(index: EpochIndex, protocol: ProtocolSettings, part: str, dimension: str) -> list[Fold]:
    """Return the folds that one job trains.

    Args:
        index: of all epochs that the folds may learn from, or test.
        protocol: which parts trials.
        part: a shard, whose subjects the folds test (``within`` and ``loso``), or ``f00``, a fold of ``pooled``.
        dimension: valence or arousal; trials without a rating of it take no part.
    """
    rated = np.flatnonzero(~np.isnan(index.ratings[dimension]))
    found = folds([index.key[number] for number in rated], protocol)
    if protocol.protocol == "pooled":
        return [fold for fold in found if fold.name == f"pooled-{int(part.removeprefix(POOLED))}"]
    shards = {index.key[number][:2]: index.shard[number] for number in rated}
    return [fold for fold in found if shards[fold.test[0][:2]] == part]


def test_numbers(index: EpochIndex, fold: Fold) -> np.ndarray:
    """Return the numbers of the epochs that a fold tests, by subject, trial and epoch."""
    return _in_order(index, index.rows_of(fold.test))


def train_numbers(index: EpochIndex, fold: Fold) -> np.ndarray:
    """Return the numbers of the epochs that a fold learns from, by subject, trial and epoch."""
    return _in_order(index, index.rows_of(fold.train))


def _in_order(index: EpochIndex, numbers: np.ndarray) -> np.ndarray:
    """The same order however the subjects are spread over shards."""
    order = sorted(numbers.tolist(), key=lambda number: (*index.key[number], int(index.epoch[number])))
    return np.array(order, np.int64)


def classes(index: EpochIndex, numbers: np.ndarray, protocol: ProtocolSettings, dimension: str) -> np.ndarray:
    """Return (n,) int64: 1 for a high rating of the epoch's trial, 0 for a low one."""
    return high(index.ratings[dimension][numbers], protocol)


def development_subjects(index: EpochIndex, count: int) -> set[tuple[str, str]]:
    """Return the (corpus, subject) that choose learning rates and are not tested.

    They follow from their names alone, so that a new subject changes as little as it can.
    """
    subjects = {key[:2] for key in index.key}
    ordered = sorted(subjects, key=lambda subject: hashlib.sha256("\0".join(subject).encode()).digest())
    return set(ordered[:count])


def open_store(files: Sequence[Path]) -> EpochStore:
    """Return the store of some shards' epochs.

    Raises:
        DataError: if there is none.
    """
    return EpochStore(sorted(files))
