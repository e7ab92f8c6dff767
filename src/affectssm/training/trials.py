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
from affectssm.models.build import parameter_count
from affectssm.models.signals import classification_loss
from affectssm.settings.trials import ProtocolSettings
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.epoch_store import ChannelScaler, EpochIndex, EpochStore
from affectssm.training.exchange import looking_ahead
from affectssm.training.finished_folds import FinishedFolds
from affectssm.training.folds import Fold
from affectssm.training.optimisers import Adam
from affectssm.training.run_files import CHECKPOINT, write_config, write_history, write_tensors
from affectssm.training.scans import with_backends
from affectssm.training.seeds import mixed
from affectssm.training.trial_data import (
    TrialData,
    classes,
    folds_of_part,
    open_store,
    test_numbers,
    train_numbers,
)
from affectssm.training.trial_runs import PREDICTIONS, Trained, TrainedFiles, build, prefixed, tensors_of
from affectssm.vocabulary.stages import trial_training_modules

log = logging.getLogger(__name__)
ANSWERED = 256  # test segments answered at a time


def fit_trials(settings: Mapping[str, Any], epochs: Sequence[Path], part: str, out: Path) -> None:
    """Train the folds of a part and answer their test segments, whose labels only the label control looks at.

    Args:
        settings: ``run_settings`` of the family of bio-signals.
        epochs: the epochs of all shards that the part's folds need.
        part: see ``trial_data.folds_of_part``.
        out: ``results/runs/{experiment}/{part}/{seed}``; gets config.yaml, history.csv, predictions.parquet and,
            last, checkpoint.safetensors. Finished folds of an unfinished job lie in ``.{seed}.resume`` beside it.

    Raises:
        DataError: when no fold of the part can be trained.
    """
    recipe, protocol = settings["training"], ProtocolSettings.model_validate(settings["protocol"])
    torch.set_num_threads(recipe["threads"])
    store = open_store(epochs)
    found = folds_of_part(store.index, protocol, part, settings["dimension"])
    if not found:
        raise DataError(
            out,
            f"no fold of {part} with two trials",
            "rated trials",
            "look into the corpus's fault table",
        )
    card = make_card(
        "training/trials",
        trial_training_modules(settings["model"]),
        dict(settings),
        inputs=epochs,
        part=part,
    )
    kept = FinishedFolds(out, {"id": card["id"]}, TrainedFiles())
    trained = []
    for number, fold in enumerate(found):
        done = kept.get(number, recipe, partial(_fold, settings, store, fold, protocol))
        trained.append(done)
        log.info(
            "fold %d/%d %s loss %.4f accuracy %.3f in training",
            number + 1, len(found), fold.name, *done.history[-1],
        )  # fmt: skip
    _write(settings, store, found, trained, with_backends(card, kept.ran), out)
    kept.clear()


def _fold(settings: Mapping[str, Any], store: EpochStore, fold: Fold, protocol: ProtocolSettings) -> Trained:
    """Train one fold."""
    numbers = train_numbers(store.index, fold)
    dimension, control = settings["dimension"], settings["variant"] == "shuffled_labels"
    labels = classes(store.index, numbers, protocol, dimension)
    if control:
        labels = exchanged(store.index, numbers, protocol, dimension, settings["seed"])
        numbers, labels = _exchangeable(fold, numbers, labels)
    data = TrialData(store, settings["modalities"], ChannelScaler.learn(store, numbers))
    seed = mixed(settings["seed"], zlib.crc32(fold.name.encode()))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    model = build(settings, data.channels, data.samples).to(device)
    alpha = settings["model_settings"].get("auxiliary_weight", 0.0)
    history = learn(model, data.signals(numbers), torch.from_numpy(labels), settings["training"], alpha, seed)
    return Trained(
        tensors_of(model, data.scaler), history, answer(model, data, test_numbers(store.index, fold))
    )


def learn(
    model: nn.Module,
    signals: Mapping[str, Tensor],
    labels: Tensor,
    recipe: Mapping[str, Any],
    auxiliary: float,
    seed: int,
) -> np.ndarray:
    """Train a model in place.

    Args:
        model: on the device it is to be trained on.
        signals: {modality: (n, C, L)}, all training segments.
        labels: (n,) class numbers.
        recipe: TrialTrainingSettings.
        auxiliary: weight alpha of every modality's own loss.
        seed: of the order of segments and of dropout.

    Returns:
        (epochs, 2) mean loss and accuracy, in training mode.
    """
    device = next(model.parameters()).device
    optimiser = Adam(model.parameters(), recipe["learning_rate"], recipe["weight_decay"])
    history = np.zeros((recipe["epochs"], 2))
    for epoch in range(recipe["epochs"]):
        model.train()
        torch.manual_seed(mixed(seed, epoch))
        for chosen in batches(len(labels), recipe["batch"], mixed(seed, epoch, 1)):
            target = labels[chosen].to(device)
            output = model({name: x[chosen].to(device) for name, x in signals.items()})
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


def answer(model: nn.Module, data: TrialData, numbers: np.ndarray) -> np.ndarray:
    """Return the probability of a high rating (n,) float32 of segments by their numbers."""
    device = next(model.parameters()).device
    model.eval()
    found = []
    with torch.no_grad():
        for at in range(0, len(numbers), ANSWERED):
            signals = data.signals(numbers[at : at + ANSWERED])
            output = model({name: x.to(device) for name, x in signals.items()})
            found.append(output.probabilities[:, 1].cpu().numpy())
    return np.concatenate(found)


def exchanged(
    index: EpochIndex, numbers: np.ndarray, protocol: ProtocolSettings, dimension: str, seed: int
) -> np.ndarray:
    """The label control: the trials of each subject exchange their labels, whole trials at once; none keeps its own.

    All of a subject's rated trials take part, those that a fold tests too, in the same way for every fold. To exchange
    among the trials a fold learns from would leave them with fewer of the class that the fold tests more of, and a
    model that has learnt nothing but which class is the more frequent one would score below chance.

    Of n trials another's label is the trial's own class a little less often than by chance: labels before and after
    correlate by -1 / (n - 1) on average.

    Args:
        index: of the epochs.
        numbers: (n,) epochs whose labels are wanted.
        protocol: what counts as high.
        dimension: valence or arousal.
        seed: of the exchange.

    Returns:
        (n,) int64 classes; -1 for the epochs of a subject's only rated trial, which has nobody to exchange with.
    """
    wanted = {index.key[number][:2] for number in numbers}
    rated = np.flatnonzero(~np.isnan(index.ratings[dimension]))
    labels = dict(zip((index.key[n] for n in rated), classes(index, rated, protocol, dimension), strict=True))
    given: dict[tuple[str, str, str], int] = {}
    for subject in sorted(wanted):
        own = sorted(key for key in labels if key[:2] == subject)
        if len(own) < 2:
            given |= dict.fromkeys(own, -1)
            continue
        rng = np.random.default_rng([seed, zlib.crc32("-".join(subject).encode())])
        donors = looking_ahead(rng.permutation(len(own)))
        given |= {key: labels[own[donor]] for key, donor in zip(own, donors, strict=True)}
    return np.array([given[index.key[number]] for number in numbers], np.int64)


def _exchangeable(fold: Fold, numbers: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    return numbers[kept], labels[kept]


def _write(
    settings: Mapping[str, Any],
    store: EpochStore,
    found: Sequence[Fold],
    trained: Sequence[Trained],
    card: Mapping[str, Any],
    out_dir: Path,
) -> None:
    shapes = {name: store.shapes[name] for name in settings["modalities"]}
    channels, samples = {name: c for name, (c, _) in shapes.items()}, next(iter(shapes.values()))[1]
    effective = {
        "folds": [fold.name for fold in found],
        "channels": channels,
        "samples": samples,
        "parameters": parameter_count(build(settings, channels, samples)),
    }
    write_config(out_dir / "config.yaml", {**settings, **effective})
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


def _predictions(store: EpochStore, found: Sequence[Fold], trained: Sequence[Trained]) -> dict[str, list]:
    columns: dict[str, list] = {name: [] for name in PREDICTIONS.names}
    for fold, done in zip(found, trained, strict=True):
        numbers = test_numbers(store.index, fold)
        keys = zip(*(store.index.key[number] for number in numbers), strict=True)
        columns["fold"] += [fold.name] * len(numbers)
        for name, values in zip(("corpus", "subject", "trial"), keys, strict=True):
            columns[name] += values
        columns["epoch"] += store.index.epoch[numbers].tolist()
        columns["high"] += done.high.tolist()
    return columns
