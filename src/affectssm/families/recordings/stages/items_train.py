"""Train an experiment on recordings as a whole over all parts and some seeds, and answer what each part reports.

The runs of a job share the segments; a killed job goes on with the run that it was at, from its last epoch. A run whose
training diverges has no answers, and says so. ``checkpoint.safetensors`` holds ``{n}.model.*``, ``{n}.scaler.*`` and
``{n}.units.*`` of the n-th of ``runs`` in config.yaml.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from affectssm.corpora.manifest import StreamRow, content_hash, is_test_split, read_manifest
from affectssm.errors import DataError, listed
from affectssm.families.clips.stages.data import ClipDataset
from affectssm.families.clips.stages.task import recipe_of
from affectssm.families.clips.stages.train import AT_ONCE, DIVERGED
from affectssm.families.recordings.run_settings import ItemRunSettings
from affectssm.families.recordings.stages.folds import Part, divide, groups_of
from affectssm.families.recordings.stages.items import (
    ITEMS,
    KIND,
    labelled,
    outputs_of,
    prediction_schema,
    read_labels,
)
from affectssm.families.recordings.stages.items_task import Units, Whole, targets_of
from affectssm.models.build import clip_model, parameter_count
from affectssm.ssm.overflow import ScanOverflowError
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.loader import in_order
from affectssm.timeline.segments import ChannelScaler, SegmentStore
from affectssm.training.finished_folds import FinishedFolds
from affectssm.training.fold_runs import Trained, TrainedFiles, prefixed, tensors_of
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import CHECKPOINT, resume_folder, write_config, write_history, write_tensors
from affectssm.training.scans import with_backends
from affectssm.vocabulary.stages import item_training_modules

log = logging.getLogger(__name__)
SECTION = "recordings.items"
Array = NDArray[np.float64]
HISTORY = ("epoch", "step", "loss", "score", "learning_rate")


@dataclass(frozen=True)
class Items:
    """What the runs of a job share.

    Attributes:
        store: of the segments.
        modalities: those that some item has, in the models' order.
        labels: (N, C) of the store's items, NaN where there is none that may be learnt from.
    """

    store: SegmentStore
    modalities: tuple[str, ...]
    labels: Array

    def rows(self, recordings: Sequence[str], with_labels: bool) -> NDArray[np.int64]:
        """Return the rows of the items of some recordings, in the order of their names."""
        kept = set(recordings)
        known: NDArray[np.bool_] = np.asarray(np.isfinite(self.labels).all(axis=1))
        found = [
            row
            for row, name in enumerate(self.store.index.words["recording"])
            if name in kept and (known[row] or not with_labels)
        ]
        return np.array(sorted(found, key=lambda row: self.store.index.key[row][2]), np.int64)


def train(
    settings: ItemRunSettings,
    segments: Sequence[Path],
    features: Sequence[Path],
    manifest: Path,
    out: Path,
) -> None:
    """Train the runs of a job, or go on with them.

    Args:
        settings: of the runs.
        segments: of all shards.
        features: ``results/features/{corpus}-{edition}``; the labels that may be learnt from are read.
        manifest: of the corpus, which decides the parts.
        out: ``results/runs/{experiment}/seeds-{seeds}``; gets config.yaml, history.csv, predictions.parquet and, last,
            checkpoint.safetensors. What an unfinished job keeps lies in ``.seeds-{seeds}.resume`` beside it.

    Raises:
        DataError: without items to learn from or to select on in a part.
    """
    torch.set_num_threads(settings.training.threads)
    rows = read_manifest(manifest)
    parts = divide(groups_of(rows, KIND), settings.folds, str(manifest))
    labels = read_labels(settings, features, rows, tests=False)
    _tell_of_lost(labels, labelled(rows), parts)
    items = _items(settings, segments, labels)
    card = make_card(
        "recordings/train-items", item_training_modules(settings.model), settings.told(), inputs=segments,
        content=content_hash(rows), features=[
            name for modality in items.modalities for name in settings.groups[modality]
        ],
    )  # fmt: skip
    kept = FinishedFolds(out, {"id": card["id"]}, TrainedFiles(), SECTION)
    runs = [(name, seed) for name in parts for seed in settings.seeds]
    trained = []
    for number, (name, seed) in enumerate(runs):
        state = ResumeState(resume_folder(out) / f"run{number}", card["id"], kept.ran)
        compute = partial(_run, settings, items, name, parts[name], seed, state)
        trained.append(kept.get(number, compute, settings.training.scan_backend))
        log.info("%s seed %d (%d/%d) is finished", name, seed, number + 1, len(runs))
    _write(settings, items, parts, runs, trained, with_backends(card, kept.ran), out)
    kept.clear()


def _tell_of_lost(
    labels: Mapping[str, Array], wanted: Mapping[str, StreamRow], parts: Mapping[str, Part]
) -> None:
    """Log the items to learn from or to select on whose label does not count: no number, out of range or no class."""
    used = {recording for part in parts.values() for recording in (*part.learn, *part.select)}
    lost = [
        name
        for name, row in wanted.items()
        if row.recording in used and not is_test_split(row.split) and name not in labels
    ]
    if lost:
        log.warning("%d of %d items have no label to learn from: %s", len(lost), len(wanted), listed(lost, 8))


def _items(settings: ItemRunSettings, segments: Sequence[Path], labels: Mapping[str, Array]) -> Items:
    store = SegmentStore(sorted(segments), ITEMS)
    none = np.full(len(settings.columns), np.nan)
    found = [labels.get(key[2], none) for key in store.index.key]
    there = tuple(name for name in settings.modalities if name in store.shapes)
    if not there:
        raise DataError(
            segments[0], f"nothing of {', '.join(settings.modalities)}", "rows of one modality at least",
            "look into the fault tables beside the features",
        )  # fmt: skip
    return Items(store, there, np.array(found).reshape(len(found), len(settings.columns)))


def _run(
    settings: ItemRunSettings, items: Items, name: str, part: Part, seed: int, state: ResumeState
) -> Trained:
    """Train one run and answer what its part reports: answers (n, C or K)."""
    learn, select = items.rows(part.learn, True), items.rows(part.select, True)
    for what, own in (("learn from", learn), ("select the epoch on", select)):
        if not len(own):
            raise DataError(
                items.store.files[0], f"{name}: no recording to {what} with labels and media", "one at least",
                "look into the fault tables, or divide the recordings by the column split of the table",
            )  # fmt: skip
    scaler = ChannelScaler.learn(items.store, learn, list(items.modalities))
    units = Units.of(items.labels[learn])
    learnt, selecting = (_clips(settings, items, own, scaler, units) for own in (learn, select))
    torch.manual_seed(seed)
    dims = items.store.shapes_of(items.modalities)[0]
    model = clip_model(settings.model, settings.model_settings, dims, settings.outputs)
    log.info("%s %s seed %d: %s parameters", settings.experiment, name, seed, f"{parameter_count(model):,}")
    task = Whole(model, settings)
    training = Training(task, recipe_of(settings, len(learn)), seed)  # type: ignore[arg-type]
    try:
        training.run(learnt, selecting, state)
        history = np.array([list(row.values()) for row in training.history])
        if training.best and np.isfinite(history).all():
            model.load_state_dict(training.best)
            answers = _answers(settings, items, items.rows(part.report, False), scaler, units, task)
            if np.isfinite(answers).all():
                kept = {"units.mean": torch.from_numpy(units.mean), "units.std": torch.from_numpy(units.std)}
                return Trained(tensors_of(model, scaler) | kept, history, answers)
    except ScanOverflowError as error:
        log.warning("%s seed %d: %s", name, seed, error)
    log.warning("%s seed %d: %s", name, seed, DIVERGED)
    history = np.array([list(row.values()) for row in training.history]).reshape(-1, len(HISTORY))
    return Trained({}, history[np.isfinite(history).all(axis=1)], np.zeros((0, 0)))


def _clips(
    settings: ItemRunSettings, items: Items, rows: NDArray[np.int64], scaler: ChannelScaler, units: Units
) -> ClipDataset:
    """Some items with what is to be learnt of them: zeros where there is nothing."""
    target = targets_of(np.nan_to_num(items.labels[rows], nan=units.mean[0]), settings, units)
    return ClipDataset(items.store, rows, scaler, items.modalities, target, settings.training.noise)


def _answers(
    settings: ItemRunSettings,
    items: Items,
    rows: NDArray[np.int64],
    scaler: ChannelScaler,
    units: Units,
    task: Whole,
) -> Array:
    """What a trained model answers to items: labels in their unit (n, C), or probabilities (n, K)."""
    task.model.eval()
    device = next(task.model.parameters()).device
    if not len(rows):
        return np.zeros((0, settings.outputs))
    data = _clips(settings, items, rows, scaler, units)
    with torch.inference_mode():
        found = [task.answer(data[chosen].to(device))[0] for chosen in in_order(len(rows), AT_ONCE)]
    answers = torch.cat(found).numpy()
    return answers.astype(np.float64) if task.classes else units.answers(answers, settings.range)


def _write(
    settings: ItemRunSettings,
    items: Items,
    parts: Mapping[str, Part],
    runs: Sequence[tuple[str, int]],
    trained: Sequence[Trained],
    card: Mapping[str, Any],
    out: Path,
) -> None:
    history = [
        {"part": name, "seed": str(seed), **dict(zip(HISTORY, row, strict=True))}
        for (name, seed), done in zip(runs, trained, strict=True)
        for row in done.history
    ]
    effective = {
        "modalities": list(items.modalities),
        "dims": items.store.shapes_of(items.modalities)[0],
        "steps": items.store.shapes_of(items.modalities)[1],
        "runs": [{"part": name, "seed": seed} for name, seed in runs],
        "diverged": [number for number, done in enumerate(trained) if not done.tensors],
    }
    write_config(out / "config.yaml", {**settings.told(), **effective})
    write_history(out / "history.csv", history or [dict.fromkeys(("part", "seed", *HISTORY), "")])
    schema = prediction_schema(outputs_of(settings))
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    index = items.store.index
    for (name, seed), done in zip(runs, trained, strict=True):
        rows = items.rows(parts[name].report, False)
        answers = done.answers if done.tensors else np.full((len(rows), settings.outputs), np.nan)
        for at, row in enumerate(rows):
            corpus_group_item = index.key[row]
            told = {"part": name, "seed": seed, "reason": "" if done.tensors else DIVERGED}
            told |= {"split": index.words["split"][row], "recording": index.words["recording"][row]}
            told |= {"group": corpus_group_item[1], "item": corpus_group_item[2]}
            told |= dict(zip(outputs_of(settings), answers[at].tolist(), strict=True))
            for column, values in columns.items():
                values.append(told[column])
    write_parquet(out / "predictions.parquet", columns, schema, card)
    tensors: dict[str, torch.Tensor] = {}
    for number, done in enumerate(trained):
        tensors |= prefixed(number, done.tensors)
    write_tensors(out / CHECKPOINT, tensors, card)
