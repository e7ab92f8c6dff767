"""From windows back to tracks: every label frame of every target gets one prediction.

Where centres of windows overlap, a frame's prediction is a weighted mean of those of its windows. ``later``: the first
window that holds a frame answers for it alone, so that all but a recording's first frames are predicted from at least
an overlap of past ones; ``hann``: windows weigh as a Hann window does, so that their edges count little.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from affectssm.store.arrow import column
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.clock import to_labels
from affectssm.timeline.frames import Frames
from affectssm.timeline.index import WindowIndex

_OF_A_TARGET = ("corpus", "split", "recording", "participant")


def prediction_schema(frames: Frames) -> pa.Schema:
    """Columns of predictions: ``target`` and ``prediction``, of several label columns ``target.{column}`` and so on."""
    endings = [f".{name}" for name in frames.columns] if len(frames.columns) > 1 else [""]
    own = [(f"{what}{ending}", pa.float32()) for ending in endings for what in ("target", "prediction")]
    people = [(name, pa.string()) for name in _OF_A_TARGET]
    return pa.schema([*people, ("frame", pa.int32()), ("time_s", pa.float64()), *own, ("valid", pa.bool_())])


def cue_valid(batch: NativeBatch, index: WindowIndex) -> Tensor:
    """Whether the target has any valid feature in any clock frame of a label frame: (B, F) bool."""
    any_feature = torch.stack([valid[0] for valid in batch.valid.values()]).any(0)
    return to_labels(any_feature[:, index.frames.middle].float(), index.per_label) > 0


Blend = Literal["later", "hann"]


def overlaps(index: WindowIndex) -> np.ndarray:
    """Label frames at the beginning of each window's centre that the window before it holds as well: (W,) int64."""
    start = index.start.astype(np.int64) // index.per_label
    held = index.frames.centre // index.per_label
    before = np.zeros(len(index), np.int64)
    same = index.target[1:] == index.target[:-1]
    before[1:][same] = np.maximum(start[:-1] + held - start[1:], 0)[same]
    return before


class Stitcher:
    """Collects the predictions of all windows of an index, in any order.

    Args:
        index: the windows; those of a target follow one another in time.
        blend: how predictions of windows that overlap become one.
    """

    def __init__(self, index: WindowIndex, blend: Blend = "later") -> None:
        self.index = index
        self._overlap = overlaps(index)
        count = index.frames.centre // index.per_label
        self._hann = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2 if blend == "hann" else None
        self._length = np.array([target.label_frames for target in index.targets], np.int64)
        self._begin = np.cumsum(self._length) - self._length
        total, columns = int(self._length.sum()), len(index.frames.columns)
        self._times = np.zeros(total, np.int32)
        self._weight = np.zeros(total)
        self._sum = np.zeros((total, columns))
        self._label = np.full((total, columns), np.nan, np.float32)
        self._valid = np.zeros(total, bool)

    def add(self, batch: NativeBatch, prediction: Tensor) -> None:
        """Add a batch and its prediction on the clock; context and padding are dropped.

        Args:
            batch: of windows of the index.
            prediction: (B, L), of several label columns (B, L, columns).
        """
        window = batch.window.cpu().numpy()
        target = self.index.target[window]
        frame = self.index.label_frames(window)
        weight = self._weights(window)
        inside = (frame < self._length[target][:, None]) & (weight > 0)
        place = (self._begin[target][:, None] + frame)[inside]
        np.add.at(self._times, place, 1)
        np.add.at(self._weight, place, weight[inside])
        own = prediction.detach().float()[:, self.index.frames.middle]
        predicted = to_labels(own, self.index.per_label, axis=1)
        values = predicted.cpu().numpy()[inside].reshape(len(place), -1)
        np.add.at(self._sum, place, values * weight[inside][:, None])
        self._valid[place] = cue_valid(batch, self.index).cpu().numpy()[inside]
        label_valid = batch.label_valid.cpu().numpy()[inside]
        label = batch.label.cpu().numpy()[inside].reshape(len(place), -1)
        self._label[place] = np.where(label_valid[:, None], label, np.nan)

    def _weights(self, window: np.ndarray) -> np.ndarray:
        """How much the label frames of the centres of some windows count: (B, F)."""
        count = self.index.frames.centre // self.index.per_label
        if self._hann is not None:
            return np.broadcast_to(self._hann, (len(window), count))
        return (np.arange(count) >= self._overlap[window][:, None]).astype(np.float64)

    def table(self) -> pa.Table:
        """Return one row a label frame, in the columns of :func:`prediction_schema`.

        A frame without any valid cue is predicted from its context; ``valid`` is false there. ``target`` is
        NaN where there is no valid label, or labels were not opened.

        Raises:
            ValueError: if a label frame was not predicted, or one window's prediction of it came more than once.
        """
        wrong = int((self._times != 1).sum() if self._hann is None else (self._times < 1).sum())
        if wrong:
            raise ValueError(f"{wrong} of {len(self._times)} label frames were not predicted exactly once")
        frame = np.concatenate([np.zeros(0, np.int32), *(np.arange(n, dtype=np.int32) for n in self._length)])
        schema = prediction_schema(self.index.frames)
        prediction = (self._sum / self._weight[:, None]).astype(np.float32)
        own = np.stack([self._label, prediction], -1).reshape(len(frame), -1).T
        label_hz = np.repeat([target.label_hz for target in self.index.targets], self._length)
        columns: dict[str, Any] = {name: self._of_targets(name) for name in _OF_A_TARGET} | {
            "frame": frame,
            "time_s": (frame + 0.5) / label_hz,
            **dict(zip(schema.names[6:-1], own, strict=True)),
            "valid": self._valid,
        }
        arrays = [column(columns[field.name], field.type) for field in schema]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _of_targets(self, name: str) -> pa.Array:
        """A column that is the same in all frames of a target."""
        of_each = [getattr(target, name) for target in self.index.targets]
        rows = np.repeat(np.arange(len(of_each), dtype=np.int32), self._length)
        return pa.DictionaryArray.from_arrays(column(rows, pa.int32()), column(of_each, pa.string())).cast(
            pa.string()
        )
