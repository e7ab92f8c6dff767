"""From windows back to tracks: every label frame of every target is predicted once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from affectssm.store.arrow import column
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.clock import LABEL_HZ, clock_times, ratio, to_labels
from affectssm.timeline.index import CENTRE, CONTEXT, WindowIndex

PREDICTIONS = pa.schema(
    [
        ("corpus", pa.string()),
        ("split", pa.string()),
        ("recording", pa.string()),
        ("participant", pa.string()),
        ("frame", pa.int32()),
        ("time_s", pa.float64()),
        ("target", pa.float32()),
        ("prediction", pa.float32()),
        ("valid", pa.bool_()),
    ]
)


def centre(frames: Tensor) -> Tensor:
    """The predicted third of a window: (B, L, ...) to (B, 32, ...)."""
    return frames[:, CONTEXT : CONTEXT + CENTRE]


def cue_valid(batch: NativeBatch, clock_hz: int) -> Tensor:
    """Whether the target has any valid feature in any clock frame of a label frame: (B, F) bool."""
    any_feature = torch.stack([valid[0] for valid in batch.valid.values()]).any(0)
    return to_labels(centre(any_feature).float(), clock_hz) > 0


class Stitcher:
    """Collects the predictions of all windows of an index, in any order."""

    def __init__(self, index: WindowIndex) -> None:
        self.index = index
        self._length = np.array([target.label_frames for target in index.targets], np.int64)
        self._begin = np.cumsum(self._length) - self._length
        total = int(self._length.sum())
        self._times = np.zeros(total, np.int32)
        self._prediction = np.full(total, np.nan, np.float32)
        self._label = np.full(total, np.nan, np.float32)
        self._valid = np.zeros(total, bool)

    def add(self, batch: NativeBatch, prediction: Tensor) -> None:
        """Add a batch and its prediction (B, L) on the clock; context and padding are dropped."""
        window = batch.window.cpu().numpy()
        target = self.index.target[window]
        step = ratio(self.index.clock_hz)
        frame = (self.index.start[window, None] + CONTEXT) // step + np.arange(CENTRE // step)
        inside = frame < self._length[target][:, None]
        place = (self._begin[target][:, None] + frame)[inside]
        np.add.at(self._times, place, 1)
        predicted = to_labels(centre(prediction.detach().float()), self.index.clock_hz)
        self._prediction[place] = predicted.cpu().numpy()[inside]
        self._valid[place] = cue_valid(batch, self.index.clock_hz).cpu().numpy()[inside]
        label_valid = batch.label_valid.cpu().numpy()[inside]
        self._label[place] = np.where(label_valid, batch.label.cpu().numpy()[inside], np.nan)

    def table(self) -> pa.Table:
        """Return one row a label frame in :data:`PREDICTIONS`.

        A frame without any valid cue is predicted from its context; ``valid`` is false there. ``target`` is
        NaN where there is no valid label, or labels were not opened.

        Raises:
            ValueError: if a label frame was not predicted, or more than once.
        """
        wrong = int((self._times != 1).sum())
        if wrong:
            raise ValueError(f"{wrong} of {len(self._times)} label frames were not predicted exactly once")
        frame = np.concatenate([np.zeros(0, np.int32), *(np.arange(n, dtype=np.int32) for n in self._length)])
        columns: dict[str, Any] = {
            name: self._of_targets(name) for name in ("corpus", "split", "recording", "participant")
        } | {
            "frame": frame,
            "time_s": clock_times(0, int(self._length.max(initial=0)), LABEL_HZ)[frame],
            "target": self._label,
            "prediction": self._prediction,
            "valid": self._valid,
        }
        arrays = [column(columns[field.name], field.type) for field in PREDICTIONS]
        return pa.Table.from_arrays(arrays, schema=PREDICTIONS)

    def _of_targets(self, name: str) -> pa.Array:
        """A column that is the same in all frames of a target."""
        of_each = [getattr(target, name) for target in self.index.targets]
        rows = np.repeat(np.arange(len(of_each), dtype=np.int32), self._length)
        return pa.DictionaryArray.from_arrays(column(rows, pa.int32()), column(of_each, pa.string())).cast(
            pa.string()
        )
