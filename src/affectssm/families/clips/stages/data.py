"""Clips as the training loop sees them: standardised steps, which of them count, and what is to be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from affectssm.errors import DataError
from affectssm.families.clips.stages.format import CLIPS
from affectssm.families.clips.stages.modalities import LABEL, TOKENS
from affectssm.settings.clips import Task
from affectssm.timeline.segments import ChannelScaler, SegmentIndex, SegmentStore
from affectssm.training.exchange import exchanged_labels

HELD_BYTES = (
    8 << 30
)  # of a split's steps that are kept in memory; of a larger one they are read batch by batch
READ_AT_ONCE = 256  # clips, for what is computed of them on the way takes several times their memory


@dataclass(frozen=True)
class ClipBatch:
    """Clips: modality -> values (B, L, D) float32 and mask (B, L) bool; target (B,), of classes int64, else float32."""

    values: dict[str, Tensor]
    mask: dict[str, Tensor]
    target: Tensor

    def to(self, device: torch.device) -> ClipBatch:
        """Return the batch on a device."""
        return ClipBatch(
            {name: value.to(device) for name, value in self.values.items()},
            {name: value.to(device) for name, value in self.mask.items()},
            self.target.to(device),
        )

    def without(self, modality: str) -> ClipBatch:
        """Return the clips as if they had no text, or no sound, or no vision."""
        if not modality:
            return self
        mask = {n: torch.zeros_like(m) if n == modality else m for n, m in self.mask.items()}
        values = {n: torch.zeros_like(v) if n == modality else v for n, v in self.values.items()}
        return ClipBatch(values, mask, self.target)


class ClipDataset(Dataset):
    """Some clips of a store; ``dataset[numbers]`` is a :class:`ClipBatch`.

    Args:
        store: of the segments.
        rows: (n,) the clips, by their rows in its index.
        scaler: learnt on the training clips.
        modalities: those that the model sees.
        target: (n,) what is to be learnt, or zeros.
        noise: deviation of normal noise on the features, in their own unit; the same of a clip whenever it is read.
    """

    def __init__(
        self,
        store: SegmentStore,
        rows: np.ndarray,
        scaler: ChannelScaler,
        modalities: Sequence[str],
        target: np.ndarray,
        noise: float = 0.0,
    ) -> None:
        self.store, self.rows, self.scaler, self.noise = store, rows, scaler, noise
        self.modalities, self.target = tuple(modalities), torch.from_numpy(target)
        size = sum(4 * int(np.prod(store.shapes[name])) for name in modalities) * len(rows)
        self._held = self._read(np.arange(len(rows))) if size <= HELD_BYTES else None

    def learning(self, target: np.ndarray) -> ClipDataset:
        """Return the same clips, not read again, with something else that is to be learnt."""
        other = copy(self)
        other.target = torch.from_numpy(target)
        return other

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, numbers: np.ndarray) -> ClipBatch:
        numbers = np.asarray(numbers)
        if self._held is None:
            return self._read(numbers)
        at = torch.from_numpy(numbers)
        return ClipBatch(
            {name: value[at] for name, value in self._held.values.items()},
            {name: mask[at] for name, mask in self._held.mask.items()},
            self.target[at],
        )

    def _read(self, numbers: np.ndarray) -> ClipBatch:
        rows = self.rows[numbers]
        values, masks = {}, {}
        blocks = np.array_split(
            np.argsort(rows), -(-len(rows) // READ_AT_ONCE) or 1
        )  # in the order of the files
        for name in self.modalities:
            columns, steps = self.store.shapes[name]
            value, mask = (
                np.empty((len(rows), steps, columns), np.float32),
                np.empty((len(rows), steps), bool),
            )
            for block in blocks:
                value[block], mask[block] = self._steps(name, rows[block])
            values[name], masks[name] = torch.from_numpy(value), torch.from_numpy(mask)
        return ClipBatch(values, masks, self.target[torch.from_numpy(numbers)])

    def _steps(self, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A modality of some clips: (n, L, D), zero where masked, and the mask (n, L)."""
        value, valid = self.store.values(name, rows), self.store.valid(name, rows)
        if name != TOKENS:
            value += self.noise * self._normal(rows, value.shape[1:]) if self.noise else 0
            value = self.scaler.apply(name, value, self.store.index.there[name][rows])
        return np.where(valid[:, None], value, 0).transpose(0, 2, 1), valid

    def _normal(self, rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.stack([np.random.default_rng(int(row)).standard_normal(shape, np.float32) for row in rows])


def open_store(files: Sequence[Path]) -> SegmentStore:
    """Return the store of some shards' clips.

    Raises:
        DataError: if there is none.
    """
    return SegmentStore(sorted(files), CLIPS)


def labelled(index: SegmentIndex, split: str, where: Path) -> np.ndarray:
    """Return the rows of a split's clips that have a label, by their names.

    Raises:
        DataError: if there is none.
    """
    found = np.flatnonzero((index.words["split"] == split) & ~np.isnan(index.labels[LABEL]))
    if not len(found):
        raise DataError(
            where, f"no {split} clip with a label", "labels", "look into the corpus's fault table"
        )
    return found[np.argsort([index.key[row][2] for row in found])]


def targets(sentiment: np.ndarray, task: Task) -> np.ndarray:
    """Return (n,) what is learnt: float32 sentiments, or int64 classes 0 negative, 1 neutral, 2 positive (its sign)."""
    if task == "regression":
        return sentiment.astype(np.float32)
    return np.sign(sentiment).astype(np.int64) + 1


def exchanged(index: SegmentIndex, rows: np.ndarray, seed: int) -> np.ndarray:
    """The label control: the clips of a split exchange their sentiments, and none keeps its own.

    Args:
        index: of the clips.
        rows: (n,) the clips of one split.
        seed: of the exchange.

    Returns:
        (n,) sentiments.
    """
    names = [(index.key[row][0], str(index.words["split"][row]), index.key[row][2]) for row in rows]
    labels = dict(zip(names, index.labels[LABEL][rows].tolist(), strict=True))
    given = exchanged_labels(labels, {name[:2] for name in names}, seed)
    return np.array([given[name] for name in names], np.float32)
