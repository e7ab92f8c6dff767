"""Items that were handed over: each a whole file, cut to the steps of the items that a run has learnt from.

A modality that an item lacks (no transcript, no sound, no face) is masked, as one is that an item of the corpus lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from affectssm.corpora.manifest import StreamRow
from affectssm.errors import DataError
from affectssm.families.clips.run_settings import CutSettings
from affectssm.families.clips.stages.cut import spread_of
from affectssm.families.clips.stages.data import ClipBatch
from affectssm.store.shards import ShardReader
from affectssm.timeline.segments import ChannelScaler
from affectssm.timeline.steps import to_steps
from affectssm.training.fold_runs import MEAN, MODEL, STD
from affectssm.training.frame_answers import backend_of, fitting
from affectssm.training.run_files import CHECKPOINT, below, read_tensors
from affectssm.training.scans import scans_of

AT_ONCE = 256  # items answered at a time
Key = tuple[str, str]
"""Recording and participant."""


class Weights:
    """The weights of one of the runs that share a checkpoint.

    Args:
        run: the folder of the runs.
        number: which of them.
    """

    def __init__(self, run: Path, number: int) -> None:
        self._path = run / CHECKPOINT
        self.tensors: dict[str, Tensor] = below(read_tensors(self._path), f"{number}.")

    @property
    def scaler(self) -> ChannelScaler:
        """What the items that were learnt from were standardised with."""
        of = ({name: one.numpy() for name, one in below(self.tensors, part).items()} for part in (MEAN, STD))
        return ChannelScaler(*of)

    def into(self, model: nn.Module) -> nn.Module:
        """Return a model with these weights, in evaluation mode.

        Raises:
            DataError: if they do not fit.
        """
        with fitting(self._path):
            model.load_state_dict(below(self.tensors, MODEL))
        return model.eval()


def items_of(rows: Sequence[StreamRow]) -> list[tuple[Key, float]]:
    """Return those who are answered, in the order of their names, and how many seconds their media last."""
    seconds: dict[Key, float] = {}
    for row in rows:
        key = row.recording, row.participant
        seconds[key] = max(seconds.get(key, 0.0), row.duration_s)
    return sorted(seconds.items())


class Cuts:
    """Cuts items to the steps of a run and standardises them.

    Args:
        features: folder with ``{name}/{shard}.h5``.
        modalities: that are read, in the order of the model.
        cut: how the items of the run were cut.
        dims: modality -> columns.
        scaler: of the run.
    """

    def __init__(
        self,
        features: Path,
        modalities: Sequence[str],
        cut: CutSettings,
        dims: Mapping[str, int],
        scaler: ChannelScaler,
    ) -> None:
        self.modalities, self.cut, self.dims, self.scaler = tuple(modalities), cut, dims, scaler
        self._stack = ExitStack()
        names = [name for modality in self.modalities for name in cut.groups[modality]]
        files = {name: next(iter(sorted((features / name).glob("[!.]*.h5"))), None) for name in names}
        self.readers = {n: self._stack.enter_context(ShardReader(path)) for n, path in files.items() if path}

    def __enter__(self) -> Cuts:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def batch(self, keys: Sequence[Key]) -> ClipBatch:
        """Return some items."""
        values, masks = {}, {}
        for modality in self.modalities:
            found = [self._modality(modality, key) for key in keys]
            valid = np.stack([one[1] for one in found])
            there = np.asarray(valid.any(axis=1))
            scaled = self.scaler.apply(modality, np.stack([one[0] for one in found]), there)
            values[modality] = torch.from_numpy(np.where(valid[:, None], scaled, 0).transpose(0, 2, 1).copy())
            masks[modality] = torch.from_numpy(valid)
        return ClipBatch(values, masks, torch.zeros(len(keys)))

    def _modality(self, modality: str, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """A modality of an item: (D, L) float32 and the steps that count, (L,) bool."""
        steps, names = self.cut.steps, self.cut.groups[modality]
        parts: dict[str, np.ndarray] = {}
        counts = np.zeros(steps, bool)
        for name in names:
            reader = self.readers.get(name)
            if reader is not None and key in reader and reader.info(*key).rows:
                track = reader.track(*key)
                spread = spread_of(self.cut, modality)
                parts[name], valid = to_steps(track.value.astype(np.float32), track.valid, steps, spread)
                counts |= valid
        if not counts.any():
            return np.zeros((self.dims[modality], steps), np.float32), counts
        for name in names:
            if name not in parts:  # zeros, as in training
                parts[name] = np.zeros((steps, self._columns(name, modality)), np.float32)
        value = np.concatenate([parts[name] for name in names], axis=1)
        if value.shape[1] != self.dims[modality]:
            raise DataError(
                f"features of {modality}", f"{value.shape[1]} columns", f"{self.dims[modality]}, as in training",
                "extract them with the settings of training",
            )  # fmt: skip
        return value.T, counts

    def _columns(self, name: str, modality: str) -> int:
        """Columns of a feature that an item lacks: as others have it, or what the others of its modality leave.

        Raises:
            DataError: where neither tells.
        """
        names = self.cut.groups[modality]
        known = {one: dim for one in names if (dim := self._dim(one)) is not None}
        if name not in known and len(known) < len(names) - 1:
            lacking = ", ".join(one for one in names if one not in known)
            raise DataError(
                f"features of {modality}", f"nothing of {lacking}", "media that have all but one of them",
                "give media that have them",
            )  # fmt: skip
        return known.get(name, max(0, self.dims[modality] - sum(known.values())))

    def _dim(self, name: str) -> int | None:
        reader = self.readers.get(name)
        keys = reader.keys() if reader is not None else ()
        found = (reader.info(*key) for key in keys if reader is not None)
        return next((info.dim for info in found if info.rows), None)


def answers_of(
    items: Sequence[tuple[Key, float]],
    cuts: Cuts,
    answer: Callable[[ClipBatch], Tensor],
    training: Mapping[str, Any],
    section: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers to items, (N, C), and who of them has a step that counts, (N,) bool.

    Args:
        items: as :func:`items_of` returns them.
        cuts: of them.
        answer: of a model to a batch, (B, C).
        training: the recipe of the run.
        section: of the configuration that it is from, for messages.
    """
    answers, there = [], []
    with cuts, scans_of({"scan_backend": backend_of(training)}, section), torch.inference_mode():
        for at in range(0, len(items), AT_ONCE):
            batch = cuts.batch([key for key, _ in items[at : at + AT_ONCE]])
            answers.append(answer(batch).numpy())
            there.append(np.any([mask.any(dim=1).numpy() for mask in batch.mask.values()], axis=0))
    return np.concatenate(answers), np.concatenate(there)


def table_of(
    items: Sequence[tuple[Key, float]], names: Sequence[str], values: np.ndarray, there: np.ndarray
) -> pa.Table:
    """Return the table of answers, a row an item (:class:`affectssm.families.answering.Answering`).

    Args:
        items: as :func:`items_of` returns them.
        names: of what is answered.
        values: (N, C).
        there: (N,) whether an answer counts.
    """
    stop = np.array([seconds for _, seconds in items], np.float64)
    return pa.table(
        {
            "recording": [key[0] for key, _ in items],
            "participant": [key[1] for key, _ in items],
            "start_s": np.zeros(len(items)),
            "stop_s": stop,
            "time_s": stop / 2,
            **{name: values[:, at].astype(np.float64) for at, name in enumerate(names)},
            "valid": there,
        }
    )
