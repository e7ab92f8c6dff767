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
from affectssm.models.segments import Segments
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.timeline.segments import SegmentStore
from affectssm.training.fold_runs import FoldRuns
from affectssm.training.folds import Fold
from affectssm.training.seeds import mixed
from affectssm.training.segments import SegmentData, rows_learnt, rows_tested, segment_ids

TEST, SOURCE = 0, 1  # what an order is drawn for


class FoldStream:
    """A fold of a finished run, ready to be adapted to.

    Args:
        runs: of the part.
        store: its segments.
        fold: one of its folds.
        groups: (corpus, group) whose segments are streamed; None: all that the fold tests.

    Attributes:
        rows: (n,) segments in the order of the stream, which depends on (seed, fold) alone.
        segments: their ids.
    """

    def __init__(
        self,
        runs: FoldRuns,
        store: SegmentStore,
        fold: Fold,
        groups: Collection[tuple[str, str]] | None = None,
    ) -> None:
        self.runs, self.store, self.fold = runs, store, fold
        self.data = SegmentData(store, runs.settings["modalities"], runs.scaler(fold.name))
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        drawn = self._drawn(rows_tested(store.index, fold), TEST)
        kept = [groups is None or store.index.key[row][:2] in groups for row in drawn]
        self.rows = drawn[np.array(kept, bool)]
        self.segments = segment_ids(store.index, self.rows)
        self._values = self._moved(self.data.values(self.rows))

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        """(corpus, group, item) of every segment."""
        return [self.store.index.key[row] for row in self.rows]

    def batches(self, masks: Masks | None, size: int) -> list[Segments]:
        """Return the stream with what the masks take away (None: nothing), ``size`` segments a batch."""
        masked = masks.apply(self._values, self.segments) if masks else self._values
        return [
            {name: x[at : at + size] for name, x in masked.items()}
            for at in range(0, len(self.segments), size)
        ]

    def method(self, name: str, settings: AdaptationSettings) -> Method:
        """Return a method that has taken hold of a fresh copy of the fold's trained model."""
        model = self.runs.model(self.fold.name).to(self.device)
        return build_method(name, model, settings, self._source(settings))

    def _source(self, settings: AdaptationSettings) -> Iterator[Segments]:
        """Batches of training segments, nothing missing: as many as the Fisher information asks for."""
        own = settings.eata
        rows = self._drawn(rows_learnt(self.store.index, self.fold), SOURCE)[: own.fisher_samples]
        for at in range(0, len(rows), own.fisher_batch):
            yield self._moved(self.data.values(rows[at : at + own.fisher_batch]))

    def _drawn(self, rows: np.ndarray, purpose: int) -> np.ndarray:
        seed = mixed(self.runs.settings["seed"], zlib.crc32(self.fold.name.encode()), purpose)
        return np.random.default_rng(seed).permutation(rows)

    def _moved(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: x.to(self.device) for name, x in values.items()}


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
