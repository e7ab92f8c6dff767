"""High or low ratings of recordings that were handed over: each is cut into epochs as the run's own trials were.

A recording has no baseline and no stimulus: its epochs begin where it does. A modality that it lacks, or of which an
epoch has a sample that is not valid, is zeros to the model, as a sensor is that goes missing in a test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from affectssm.adaptation.build import build_method
from affectssm.adaptation.fold_stream import tuned
from affectssm.adaptation.stream import Streamed, run_stream
from affectssm.corpora.manifest import StreamRow, read_manifest
from affectssm.errors import DataError
from affectssm.families.answering import NOTES
from affectssm.families.biosignals.run_settings import Beside, RunSettings
from affectssm.families.biosignals.stages.cut import cut
from affectssm.media.probe import ShortFileError
from affectssm.settings.biosignals import EpochSettings
from affectssm.settings.load import validate
from affectssm.store.shards import ShardReader
from affectssm.timeline.segment_writer import Cut
from affectssm.timeline.segments import ChannelScaler
from affectssm.training.fold_runs import FoldRuns
from affectssm.training.frame_answers import backend_of, fitting
from affectssm.training.scans import scans_of

AT_ONCE = 256  # epochs answered at a time
_RECORDED = "recorded.bdf"  # by its name a recording is told to be a recorder's, to be filtered as such
NONE = "none"
Key = tuple[str, str]


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers, a row an epoch (:class:`affectssm.families.answering.Answering`).

    Args:
        run: a run's folder.
        settings: its configuration, what was found beside it (:class:`Beside`), and ``set``, the fold whose weights
            answer.
        manifest: rows of the recordings' modalities.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: a method of adaptation at test time, which meets the epochs of each recording as the trained model; ""
            or ``none`` for none.

    Raises:
        ConfigError: for a method that the model cannot be adapted by.
        DataError: for a recording without one of the run's modalities, or too short for an epoch.
    """
    told = validate(
        RunSettings, {n: settings[n] for n in RunSettings.model_fields if n in settings}, str(run)
    )
    beside = validate(Beside, {n: settings[n] for n in Beside.model_fields if n in settings}, str(run))
    runs = FoldRuns(run)
    fold = settings["set"] or runs.names[0]
    recordings: dict[Key, dict[str, StreamRow]] = {}
    for row in read_manifest(manifest):
        recordings.setdefault((row.recording, row.participant), {})[row.kind] = row
    scaler, tables, adapted = runs.scaler(fold), [], []

    def model() -> nn.Module:
        with fitting(runs.folder):
            return runs.model(fold)

    for key, rows in sorted(recordings.items()):
        cuts = _cut(key, rows, features, told.modalities, _without_baseline(beside.epochs))
        values, there = _standardised(cuts, runs.settings, told.modalities, scaler)
        with scans_of({"scan_backend": backend_of(settings["training"])}, "biosignals.training"):
            high = _plain(model(), values)
            if adapt not in ("", NONE):
                found = _adapted(model(), values, beside, adapt)
                plain, high = high, found.probabilities[:, 1].detach().numpy()
                adapted.append((found.updates, found.used, len(high), float(np.abs(high - plain).max())))
        tables.append(_table(key, high, there, beside.epochs.length_s, told.dimension))
    table = pa.concat_tables(tables)
    return table.replace_schema_metadata({NOTES: json.dumps([_told(adapt, adapted)])}) if adapted else table


def _told(adapt: str, adapted: Sequence[tuple[int, int, int, float]]) -> str:
    """What adaptation did: of each recording its updates, epochs used, epochs, and how far answers moved at most."""
    updates, used, epochs, moved = zip(*adapted, strict=True)
    return (
        f"adapted by {adapt}: {sum(updates)} updates with {sum(used)} of {sum(epochs)} epochs, after which no "
        f"probability differs by more than {max(moved):.2g} from that without"
    )


def _without_baseline(epochs: EpochSettings) -> EpochSettings:
    """How epochs are cut of a recording that has nothing before its stimulus."""
    return epochs.model_copy(update={"baseline": "dropped"})


def _cut(
    key: Key, rows: Mapping[str, StreamRow], features: Path, modalities: Sequence[str], epochs: EpochSettings
) -> dict[str, Cut]:
    """Cut the modalities that a recording has of those of the run."""
    found: dict[str, Cut] = {}
    for kind in modalities:
        path = next(iter(sorted((features / kind).glob("[!.]*.h5"))), None)
        if kind not in rows or path is None:
            continue
        with ShardReader(path) as reader:
            if key in reader:
                found[kind] = cut(replace(rows[kind], path=_RECORDED), reader.track(*key), epochs)
    where = "/".join(key)
    if not found:
        held = ", ".join(sorted(rows)) or "nothing"
        raise DataError(
            where, f"{held} with all their channels", f"one of {', '.join(modalities)}",
            "give a recording with the corpus's channels; the fault table names those that are missing",
        )  # fmt: skip
    if not min(len(one.there) for one in found.values()):
        seconds = max(row.duration_s for row in rows.values())
        raise ShortFileError(
            where, f"{seconds:g} s", f"{epochs.length_s:g} s at least, the length of an epoch",
            "give a longer recording",
        )  # fmt: skip
    return found


def _standardised(
    cuts: Mapping[str, Cut], config: Mapping[str, Any], modalities: Sequence[str], scaler: ChannelScaler
) -> tuple[dict[str, Tensor], np.ndarray]:
    """Return modality -> (E, C, L) standardised, zeros where it is not there, and which epochs have something."""
    count = min(len(one.there) for one in cuts.values())
    values, there = {}, np.zeros(count, bool)
    for name in modalities:
        shape = (count, config["channels"][name], config["samples"])
        if name not in cuts:
            values[name] = torch.zeros(shape)
            continue
        value, own = cuts[name].value[:count], cuts[name].there[:count]
        if value.shape != shape:
            raise DataError(
                f"{name} of a recording", f"epochs {value.shape}", f"{shape}", "pack the run again"
            )
        values[name] = torch.from_numpy(scaler.apply(name, value, own))
        there |= own
    return values, there


def _plain(model: nn.Module, values: Mapping[str, Tensor]) -> np.ndarray:
    """Return the probability of a high rating (E,) of the epochs of a recording, in their order."""
    with torch.inference_mode():
        parts = [
            model({name: x[at : at + AT_ONCE] for name, x in values.items()}).probabilities[:, 1]
            for at in range(0, _count(values), AT_ONCE)
        ]
    return torch.cat(parts).numpy()


def _adapted(model: nn.Module, values: Mapping[str, Tensor], beside: Beside, adapt: str) -> Streamed:
    """Return what a method answers to the epochs of a recording, in their order, and what it did."""
    constants = tuned(beside.adaptation, adapt, beside.chosen.get(adapt))
    method, size = build_method(adapt, model, constants), constants.batch
    batches = (
        {name: x[at : at + size] for name, x in values.items()} for at in range(0, _count(values), size)
    )
    return run_stream(method, batches)


def _count(values: Mapping[str, Tensor]) -> int:
    return len(next(iter(values.values())))


def _table(key: Key, high: np.ndarray, there: np.ndarray, length_s: float, dimension: str) -> pa.Table:
    start = np.arange(len(high)) * length_s
    return pa.table(
        {
            "recording": [key[0]] * len(high),
            "participant": [key[1]] * len(high),
            "start_s": start,
            "stop_s": start + length_s,
            "time_s": start + length_s / 2,
            f"{dimension}_high": high.astype(np.float64),
            f"{dimension}_class": (high > 0.5).astype(np.float64),
            "valid": there,
        }
    )
