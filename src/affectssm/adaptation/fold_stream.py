"""The test segments of a fold as a stream: one order, one set of masks, the same batches for every method."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affectssm.adaptation.build import build_method
from affectssm.adaptation.method import Method
from affectssm.adaptation.missing import Masks
from affectssm.errors import DataError
from affectssm.models.signals import Signals
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.trials import ProtocolSettings
from affectssm.timeline.epoch_store import EpochStore
from affectssm.training.folds import Fold
from affectssm.training.seeds import mixed
from affectssm.training.trial_data import (
    TrialData,
    folds_of_part,
    segment_ids,
    test_numbers,
    train_numbers,
)
from affectssm.training.trial_runs import TrialRuns

TEST, SOURCE = 0, 1  # what an order is drawn for


class FoldStream:
    """A fold of a finished run, ready to be adapted to.

    Args:
        runs: of the part.
        store: its epochs.
        fold: one of its folds.
        subjects: (corpus, subject) whose segments are streamed; None: all that the fold tests.

    Attributes:
        numbers: (n,) epochs in the order of the stream, which depends on (seed, fold) alone.
        segments: their ids.
    """

    def __init__(
        self,
        runs: TrialRuns,
        store: EpochStore,
        fold: Fold,
        subjects: Collection[tuple[str, str]] | None = None,
    ) -> None:
        self.runs, self.store, self.fold = runs, store, fold
        self.data = TrialData(store, runs.settings["modalities"], runs.scaler(fold.name))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        drawn = self._drawn(test_numbers(store.index, fold), TEST)
        kept = [subjects is None or store.index.key[number][:2] in subjects for number in drawn]
        self.numbers = drawn[np.array(kept, bool)]
        self.segments = segment_ids(store.index, self.numbers)
        self._signals = self._moved(self.data.signals(self.numbers))

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        """(corpus, subject, trial) of every segment."""
        return [self.store.index.key[number] for number in self.numbers]

    def batches(self, masks: Masks | None, size: int) -> list[Signals]:
        """Return the stream with what the masks take away (None: nothing), ``size`` segments a batch."""
        masked = masks.apply(self._signals, self.segments) if masks else self._signals
        return [
            {name: x[at : at + size] for name, x in masked.items()}
            for at in range(0, len(self.segments), size)
        ]

    def method(self, name: str, settings: AdaptationSettings) -> Method:
        """Return a method that has taken hold of a fresh copy of the fold's trained model."""
        model = self.runs.model(self.fold.name).to(self.device)
        return build_method(name, model, settings, self._source(settings))

    def _source(self, settings: AdaptationSettings) -> Iterator[Signals]:
        """Batches of training segments, nothing missing: as many as the Fisher information asks for."""
        own = settings.eata
        numbers = self._drawn(train_numbers(self.store.index, self.fold), SOURCE)[: own.fisher_samples]
        for at in range(0, len(numbers), own.fisher_batch):
            yield self._moved(self.data.signals(numbers[at : at + own.fisher_batch]))

    def _drawn(self, numbers: np.ndarray, purpose: int) -> np.ndarray:
        seed = mixed(self.runs.settings["seed"], zlib.crc32(self.fold.name.encode()), purpose)
        return np.random.default_rng(seed).permutation(numbers)

    def _moved(self, signals: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: x.to(self.device) for name, x in signals.items()}


def tuned(
    settings: AdaptationSettings, method: str, chosen: Mapping[str, float | None] | None
) -> AdaptationSettings:
    """Return the settings with a method's chosen constants; what was not chosen stays.

    Args:
        settings: of all methods.
        method: its name.
        chosen: ``learning_rate`` and, where the method has one, ``entropy_margin``.
    """
    found: dict[str, Any] = {name: value for name, value in (chosen or {}).items() if value is not None}
    if not found:
        return settings
    own = {**getattr(settings, method).model_dump(), **found}
    return AdaptationSettings.model_validate({**settings.model_dump(), method: own})


def folds_of_runs(runs: TrialRuns, store: EpochStore) -> list[Fold]:
    """Return the folds of finished runs, in the order in which they were trained.

    Raises:
        DataError: if the epochs do not give one of them.
    """
    settings, part = runs.settings, runs.folder.absolute().parent.name
    protocol = ProtocolSettings.model_validate(settings["protocol"])
    found = {fold.name: fold for fold in folds_of_part(store.index, protocol, part, settings["dimension"])}
    lacking = [name for name in runs.names if name not in found]
    if lacking:
        raise DataError(
            runs.folder,
            f"fold {lacking[0]}, which these epochs do not give",
            "the runs' epochs",
            "train again",
        )
    return [found[name] for name in runs.names]
