"""Train the folds of a part: thousands of short trainings of small models, so one process pays for data once.

The recipe has no selection: a fixed number of passes, and the last weights count. A fold's random numbers follow from
(seed, fold, pass) alone, and a killed job goes on after its last finished fold.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectssm.errors import DataError
from affectssm.families.biosignals.run_settings import SECTION, RunSettings
from affectssm.families.biosignals.stages.format import EPOCHS
from affectssm.families.biosignals.stages.labels import classes, rated
from affectssm.families.biosignals.stages.segments import open_store, rated_folds
from affectssm.models.build import parameter_count, segment_model
from affectssm.models.segments import classification_loss
from affectssm.settings.biosignals import TrialTrainingSettings
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.segments import ChannelScaler, SegmentIndex, SegmentStore
from affectssm.training.computing import computed
from affectssm.training.exchange import exchanged_labels
from affectssm.training.finished_folds import FinishedFolds
from affectssm.training.fold_runs import Trained, TrainedFiles, predictions, prefixed, tensors_of
from affectssm.training.folds import Fold
from affectssm.training.optimisers import Adam
from affectssm.training.run_files import CHECKPOINT, write_config, write_history, write_tensors
from affectssm.training.scans import with_backends
from affectssm.training.seeds import mixed
from affectssm.training.segments import SegmentData, rows_learnt, rows_tested
from affectssm.vocabulary.stages import segment_training_modules

log = logging.getLogger(__name__)
ANSWERED = 256  # test segments answered at a time
PREDICTIONS = predictions(EPOCHS)


def train(settings: RunSettings, segments: Sequence[Path], part: str, out: Path) -> None:
    """Train the folds of a part and answer their test segments, whose labels only the label control looks at.

    Args:
        settings: of the runs.
        segments: of all shards that the part's folds need.
        part: see :func:`affectssm.training.segments.folds_of_part`.
        out: ``results/runs/{experiment}/{part}/{seed}``; gets config.yaml, history.csv, predictions.parquet and,
            last, checkpoint.safetensors. Finished folds of an unfinished job lie in ``.{seed}.resume`` beside it.

    Raises:
        DataError: when no fold of the part can be trained.
    """
    torch.set_num_threads(settings.training.threads)
    store = open_store(segments)
    found = rated_folds(store.index, settings.protocol, part, settings.dimension)
    if not found:
        raise DataError(
            out,
            f"no fold of {part} with two trials",
            "rated trials",
            "look into the corpus's fault table",
        )
    card = make_card(
        "training/trials",
        segment_training_modules(settings.model),
        settings.model_dump(mode="json"),
        inputs=segments,
        part=part,
    )
    kept = FinishedFolds(out, {"id": card["id"]}, TrainedFiles(), SECTION)
    trained = []
    for number, fold in enumerate(found):
        done = kept.get(number, partial(_fold, settings, store, fold), settings.training.scan_backend)
        trained.append(done)
        log.info(
            "fold %d/%d %s loss %.4f accuracy %.3f in training",
            number + 1, len(found), fold.name, *done.history[-1],
        )  # fmt: skip
    _write(settings, store, found, trained, with_backends(card, kept.ran), out)
    kept.clear()


def _fold(settings: RunSettings, store: SegmentStore, fold: Fold) -> Trained:
    """Train one fold."""
    rows = rows_learnt(store.index, fold)
    labels = classes(store.index, rows, settings.protocol, settings.dimension)
    if settings.variant == "shuffled_labels":
        labels = exchanged(store.index, rows, settings)
        rows, labels = _exchangeable(fold, rows, labels)
    data = SegmentData(store, settings.modalities, ChannelScaler.learn(store, rows))
    seed = mixed(settings.seed, zlib.crc32(fold.name.encode()))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    model = _model(settings, data.channels, data.samples).to(device)
    auxiliary = getattr(settings.model_settings, "auxiliary_weight", 0.0)
    history = learn(model, data.values(rows), torch.from_numpy(labels), settings.training, auxiliary, seed)
    return Trained(
        tensors_of(model, data.scaler), history, answer(model, data, rows_tested(store.index, fold))
    )


def _model(settings: RunSettings, channels: Mapping[str, int], samples: int) -> nn.Module:
    return segment_model(settings.model, settings.model_settings, channels, settings.rate_hz, samples)


def learn(
    model: nn.Module,
    values: Mapping[str, Tensor],
    labels: Tensor,
    recipe: TrialTrainingSettings,
    auxiliary: float,
    seed: int,
) -> np.ndarray:
    """Train a model in place.

    Args:
        model: on the device it is to be trained on.
        values: {modality: (n, C, L)}, all training segments.
        labels: (n,) class numbers.
        recipe: how.
        auxiliary: weight alpha of every modality's own loss.
        seed: of the order of segments and of dropout.

    Returns:
        (epochs, 2) mean loss and accuracy, in training mode.
    """
    device = next(model.parameters()).device
    optimiser = Adam(model.parameters(), recipe.learning_rate, recipe.weight_decay)
    history = np.zeros((recipe.epochs, 2))
    for epoch in range(recipe.epochs):
        model.train()
        torch.manual_seed(mixed(seed, epoch))
        for chosen in batches(len(labels), recipe.batch, mixed(seed, epoch, 1)):
            target = labels[chosen].to(device)
            with computed(model, recipe.recompute, recipe.precision):
                output = model({name: x[chosen].to(device) for name, x in values.items()})
            loss = classification_loss(output, target, auxiliary)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            right = (output.logits.argmax(dim=1) == target).sum()
            history[epoch] += np.array([loss.item() * len(chosen), right.item()]) / len(labels)
    return history


def batches(count: int, size: int, seed: int) -> list[Tensor]:
    """Return all numbers below ``count`` in a random order, in batches of equal size but for one segment.

    There are as many as ``size`` asks for; a short last batch would have noisy BatchNorm statistics, one of a single
    segment none.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return list(torch.tensor_split(order, max(1, -(-count // size))))


def answer(model: nn.Module, data: SegmentData, rows: np.ndarray) -> np.ndarray:
    """Return the probability of a high rating (n,) float32 of segments by their rows."""
    device = next(model.parameters()).device
    model.eval()
    found = []
    with torch.no_grad():
        for at in range(0, len(rows), ANSWERED):
            values = data.values(rows[at : at + ANSWERED])
            output = model({name: x.to(device) for name, x in values.items()})
            found.append(output.probabilities[:, 1].cpu().numpy())
    return np.concatenate(found)


def exchanged(index: SegmentIndex, rows: np.ndarray, settings: RunSettings) -> np.ndarray:
    """The label control: the trials of each subject exchange their labels (:func:`exchanged_labels`).

    Args:
        index: of the segments.
        rows: (n,) segments whose labels are wanted.
        settings: of the run.

    Returns:
        (n,) int64 classes; -1 for the segments of a subject's only rated trial, which has nobody to exchange with.
    """
    own = rated(index, settings.dimension)
    truth = classes(index, own, settings.protocol, settings.dimension)
    labels = dict(zip((index.key[row] for row in own), truth, strict=True))
    given = exchanged_labels(labels, (index.key[row][:2] for row in rows), settings.seed)
    return np.array([given[index.key[row]] for row in rows], np.int64)


def _exchangeable(fold: Fold, rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left to learn from, without trials that could only keep their own label.

    Raises:
        DataError: when that is nothing.
    """
    kept = labels >= 0
    if not kept.any():
        raise DataError(
            f"label control, fold {fold.name}",
            "a single rated trial of every subject",
            "two rated trials of one at least, to exchange their labels",
            "add trials, or leave the control out",
        )
    if not kept.all():
        log.warning(
            "label control, fold %s: %d of %d segments left out, of subjects with a single rated trial",
            fold.name, int((~kept).sum()), len(kept),
        )  # fmt: skip
    return rows[kept], labels[kept]


def _write(
    settings: RunSettings,
    store: SegmentStore,
    found: Sequence[Fold],
    trained: Sequence[Trained],
    card: Mapping[str, Any],
    out_dir: Path,
) -> None:
    channels, samples = store.shapes_of(settings.modalities)
    effective = {
        "folds": [fold.name for fold in found],
        "channels": channels,
        "samples": samples,
        "parameters": parameter_count(_model(settings, channels, samples)),
    }
    write_config(out_dir / "config.yaml", {**settings.model_dump(mode="json"), **effective})
    rows = [
        {"fold": fold.name, "epoch": epoch, "loss": loss, "accuracy": accuracy}
        for fold, done in zip(found, trained, strict=True)
        for epoch, (loss, accuracy) in enumerate(done.history)
    ]
    write_history(out_dir / "history.csv", rows)
    write_parquet(out_dir / "predictions.parquet", _predictions(store, found, trained), PREDICTIONS, card)
    tensors: dict[str, Tensor] = {}
    for number, done in enumerate(trained):
        tensors |= prefixed(number, done.tensors)
    write_tensors(out_dir / CHECKPOINT, tensors, card)


def _predictions(store: SegmentStore, found: Sequence[Fold], trained: Sequence[Trained]) -> dict[str, list]:
    columns: dict[str, list] = {name: [] for name in PREDICTIONS.names}
    for fold, done in zip(found, trained, strict=True):
        rows = rows_tested(store.index, fold)
        columns["fold"] += [fold.name] * len(rows)
        keys = zip(*(store.index.key[row] for row in rows), strict=True)
        for name, values in zip(EPOCHS.key, keys, strict=True):
            columns[name] += values
        columns[EPOCHS.number] += store.index.number[rows].tolist()
        columns[EPOCHS.answer] += done.answers.tolist()
    return columns
