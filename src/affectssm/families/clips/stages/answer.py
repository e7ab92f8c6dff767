"""Sentiment of clips that were handed over: each a whole file, cut as the run's own clips were.

A modality that a clip lacks (no transcript, no sound, no face) is masked, as one is that a clip of the corpus lacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from affectssm.corpora.manifest import StreamRow, read_manifest
from affectssm.errors import DataError
from affectssm.families.clips.run_settings import CutSettings, RunSettings
from affectssm.families.clips.stages.cut import spread_of
from affectssm.families.clips.stages.data import ClipBatch
from affectssm.families.clips.stages.modalities import CLASSES, LABEL
from affectssm.families.clips.stages.task import Sentiment
from affectssm.families.clips.stages.whole import whole_model
from affectssm.settings.load import validate
from affectssm.store.shards import ShardReader
from affectssm.timeline.segments import ChannelScaler
from affectssm.timeline.steps import to_steps
from affectssm.training.fold_runs import MEAN, MODEL, STD
from affectssm.training.frame_answers import backend_of
from affectssm.training.run_files import CHECKPOINT, below, read_tensors
from affectssm.training.scans import scans_of

AT_ONCE = 256  # clips answered at a time
Key = tuple[str, str]


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers, a row a clip (:class:`affectssm.families.answering.Answering`).

    Args:
        run: a run's folder.
        settings: its configuration, ``cut``, how its clips were cut, and ``set``, the seed whose weights answer.
        manifest: rows of the clips.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: not used, there is no adaptation at test time.

    Raises:
        DataError: for features of other dimensions than in training, or weights that do not fit.
    """
    told = validate(
        RunSettings, {n: settings[n] for n in RunSettings.model_fields if n in settings}, str(run)
    )
    cut = validate(CutSettings, settings["cut"], str(run))
    clips = _clips(read_manifest(manifest))
    number = _number(told, settings["set"])
    tensors = below(read_tensors(run / CHECKPOINT), f"{number}.")
    scaler = ChannelScaler(*({n: t.numpy() for n, t in below(tensors, of).items()} for of in (MEAN, STD)))
    model, _ = whole_model(told, settings["dims"], {})
    try:
        model.load_state_dict(below(tensors, MODEL))
    except RuntimeError as error:
        raise DataError(
            run / CHECKPOINT, f"weights that do not fit the model: {str(error).splitlines()[0]}",
            "those of the model that the configuration describes", "pack the run again",
        ) from error  # fmt: skip
    task = Sentiment(model.eval(), told.task)
    answers, there = [], []
    with (
        _Cuts(features, told, cut, settings["dims"], scaler) as cuts,
        scans_of({"scan_backend": backend_of(settings["training"])}, "clips.training"),
        torch.inference_mode(),
    ):
        for at in range(0, len(clips), AT_ONCE):
            batch = cuts.batch([key for key, _ in clips[at : at + AT_ONCE]])
            answers.append(task.answer(batch)[0].numpy())
            there.append(np.any([mask.any(dim=1).numpy() for mask in batch.mask.values()], axis=0))
    return _table(clips, np.concatenate(answers), np.concatenate(there), told.task)


def _clips(rows: Sequence[StreamRow]) -> list[tuple[Key, float]]:
    """Those who are answered, and how long their media last."""
    seconds: dict[Key, float] = {}
    for row in rows:
        key = row.recording, row.participant
        seconds[key] = max(seconds.get(key, 0.0), row.duration_s)
    return sorted(seconds.items())


def _number(told: RunSettings, name: str) -> int:
    """Which of the seeds of a run is meant."""
    names = [f"seed{seed}" for seed in told.seeds]
    return names.index(name) if name else 0


class _Cuts:
    """Cuts clips to the run's steps and standardises them."""

    def __init__(
        self,
        features: Path,
        told: RunSettings,
        cut: CutSettings,
        dims: Mapping[str, int],
        scaler: ChannelScaler,
    ) -> None:
        self.told, self.cut, self.dims, self.scaler = told, cut, dims, scaler
        self._stack = ExitStack()
        names = [name for modality in told.read for name in cut.groups[modality]]
        files = {name: next(iter(sorted((features / name).glob("[!.]*.h5"))), None) for name in names}
        self.readers = {n: self._stack.enter_context(ShardReader(path)) for n, path in files.items() if path}

    def __enter__(self) -> _Cuts:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def batch(self, keys: Sequence[Key]) -> ClipBatch:
        """Return some clips."""
        values, masks = {}, {}
        for modality in self.told.read:
            found = [self._modality(modality, key) for key in keys]
            valid = np.stack([one[1] for one in found])
            there = np.asarray(valid.any(axis=1))
            scaled = self.scaler.apply(modality, np.stack([one[0] for one in found]), there)
            values[modality] = torch.from_numpy(np.where(valid[:, None], scaled, 0).transpose(0, 2, 1).copy())
            masks[modality] = torch.from_numpy(valid)
        return ClipBatch(values, masks, torch.zeros(len(keys)))

    def _modality(self, modality: str, key: Key) -> tuple[np.ndarray, np.ndarray]:
        """A modality of a clip: (D, L) float32 and the steps that count, (L,) bool."""
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
        """Columns of a feature that a clip lacks: as others have it, or what the others of its modality leave.

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


def _table(clips: Sequence[tuple[Key, float]], answers: np.ndarray, there: np.ndarray, task: str) -> pa.Table:
    stop = np.array([seconds for _, seconds in clips], np.float64)
    names = CLASSES if task == "classification" else (LABEL,)
    return pa.table(
        {
            "recording": [key[0] for key, _ in clips],
            "participant": [key[1] for key, _ in clips],
            "start_s": np.zeros(len(clips)),
            "stop_s": stop,
            "time_s": stop / 2,
            **{name: answers[:, at].astype(np.float64) for at, name in enumerate(names)},
            "valid": there,
        }
    )
