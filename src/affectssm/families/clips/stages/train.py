"""Train an experiment over some seeds and answer its validation and test clips.

The seeds of a job share the clips, which cost more to read than a small model costs to train; a killed job goes on with
the seed that it was at, from its last epoch. A seed whose training diverges has no answers, and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from affectssm.families.clips.run_settings import SECTION, RunSettings
from affectssm.families.clips.stages.data import ClipDataset, exchanged, labelled, open_store, targets
from affectssm.families.clips.stages.format import CLIPS
from affectssm.families.clips.stages.modalities import CLASSES, LABEL, TOKENS
from affectssm.families.clips.stages.task import Sentiment, recipe_of
from affectssm.families.clips.stages.whole import whole_model
from affectssm.models.build import parameter_count
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
from affectssm.vocabulary.stages import clip_training_modules

log = logging.getLogger(__name__)
ANSWERED = ("val", "test")
AT_ONCE = 256  # clips answered at a time
DIVERGED = "training diverged: a state, a loss or an answer stopped being finite"
PREDICTIONS = pa.schema(
    [("seed", pa.int32())]
    + [(name, pa.string()) for name in ("split", CLIPS.corpus, CLIPS.item, CLIPS.group, "left_out", "reason")]
    + [(name, pa.float32()) for name in (CLIPS.answer, *CLASSES)]
)


def train(settings: RunSettings, segments: Sequence[Path], out: Path, computing: Mapping[str, Any]) -> None:
    """Train the seeds of a job, or go on with them.

    Args:
        settings: of the runs.
        segments: of all shards.
        out: ``results/runs/{experiment}/seeds-{seeds}``; gets config.yaml, history.csv, predictions.parquet and, last,
            checkpoint.safetensors, whose names begin with a seed's number among the job's. What an unfinished job
            keeps lies in ``.seeds-{seeds}.resume`` beside it.
        computing: ``bert``, how a text encoder is computed that is tuned.

    Raises:
        DataError: without training or validation clips that have a label.
    """
    torch.set_num_threads(settings.training.threads)
    store = open_store(segments)
    store.shapes_of(settings.read)
    rows = {split: labelled(store.index, split, out) for split in ("train", "val")}
    card = make_card("clips/train", clip_training_modules(settings.model), settings.told(), inputs=segments)
    scaler = ChannelScaler.learn(store, rows["train"], [name for name in settings.read if name != TOKENS])
    kept = FinishedFolds(out, {"id": card["id"]}, TrainedFiles(), SECTION)
    data = {split: _clips(settings, store, own, scaler) for split, own in rows.items()}
    trained = []
    for number, seed in enumerate(settings.seeds):
        state = ResumeState(resume_folder(out) / f"seed{number}", card["id"], kept.ran)
        compute = partial(_run, settings, data, scaler, seed, state, computing)
        trained.append(kept.get(number, compute, settings.training.scan_backend))
        log.info("seed %d (%d/%d) is finished", seed, number + 1, len(settings.seeds))
    _write(settings, store, trained, with_backends(card, kept.ran), out)
    kept.clear()


def _run(
    settings: RunSettings,
    data: Mapping[str, ClipDataset],
    scaler: ChannelScaler,
    seed: int,
    state: ResumeState,
    computing: Mapping[str, Any],
) -> Trained:
    """Train one seed."""
    store = data["train"].store
    learnt = {split: own.learning(_target(settings, own, seed)) for split, own in data.items()}
    torch.manual_seed(seed)
    model, groups = whole_model(settings, store.shapes_of(settings.read)[0], computing)
    log.info("%s seed %d: %s parameters", settings.experiment, seed, f"{parameter_count(model):,}")
    training = Training(
        Sentiment(model, settings.task), recipe_of(settings, len(learnt["train"])), seed, groups
    )
    try:
        training.run(learnt["train"], learnt["val"], state)
        history = np.array([list(row.values()) for row in training.history])
        if training.best and np.isfinite(history).all():
            model.load_state_dict(training.best)
            answers = _answers(settings, store, scaler, model)
            if np.isfinite(answers).all():
                return Trained(tensors_of(model, scaler), history, answers)
    except ScanOverflowError as error:
        log.warning("seed %d: %s", seed, error)
    log.warning("seed %d: %s", seed, DIVERGED)
    history = np.array([list(row.values()) for row in training.history]).reshape(-1, 5)  # see _write
    return Trained({}, history[np.isfinite(history).all(axis=1)], np.zeros((0, 0), np.float32))


def _clips(
    settings: RunSettings, store: SegmentStore, rows: np.ndarray, scaler: ChannelScaler
) -> ClipDataset:
    """Some clips, with nothing to be learnt."""
    nothing = targets(np.zeros(len(rows)), settings.task)
    return ClipDataset(store, rows, scaler, settings.read, nothing, settings.training.noise)


def _target(settings: RunSettings, clips: ClipDataset, seed: int) -> np.ndarray:
    """What is learnt of the clips of a split: their labels or, of the label control, those of others."""
    index = clips.store.index
    if settings.variant == "exchanged":
        return targets(exchanged(index, clips.rows, seed), settings.task)
    return targets(index.labels[LABEL][clips.rows], settings.task)


def _answered(store: SegmentStore) -> np.ndarray:
    """The rows of the clips that are answered, whatever their labels, by split and name."""
    split = store.index.words["split"]
    found = np.flatnonzero(np.isin(split, ANSWERED))
    return np.array(sorted(found.tolist(), key=lambda row: (split[row], store.index.key[row][2])), np.int64)


def _answers(
    settings: RunSettings, store: SegmentStore, scaler: ChannelScaler, model: nn.Module
) -> np.ndarray:
    """What a trained model answers, pattern after pattern of what is left out: (P * n, K)."""
    rows = _answered(store)
    data = _clips(settings, store, rows, scaler)
    task, device = Sentiment(model.eval(), settings.task), next(model.parameters()).device
    found: list[Tensor] = []
    with torch.inference_mode():
        for modality in settings.patterns:
            batches = (data[chosen] for chosen in in_order(len(rows), AT_ONCE))
            found += [task.answer(batch.to(device).without(modality))[0] for batch in batches]
    return torch.cat(found).numpy()


def _write(
    settings: RunSettings, store: SegmentStore, trained: Sequence[Trained], card: Mapping[str, Any], out: Path
) -> None:
    score = Sentiment(nn.Identity(), settings.task).score_name
    columns = ("epoch", "step", "loss", score, "learning_rate")
    history = [
        {"seed": str(seed), **dict(zip(columns, row, strict=True))}
        for seed, done in zip(settings.seeds, trained, strict=True)
        for row in done.history
    ]
    effective = {
        "dims": store.shapes_of(settings.read)[0],
        "diverged": [
            seed for seed, done in zip(settings.seeds, trained, strict=True) if not len(done.answers)
        ],
    }
    write_config(out / "config.yaml", {**settings.told(), **effective})
    write_history(out / "history.csv", history or [dict.fromkeys(("seed", *columns), "")])
    write_parquet(out / "predictions.parquet", _predictions(settings, store, trained), PREDICTIONS, card)
    tensors: dict[str, Tensor] = {}
    for number, done in enumerate(trained):
        tensors |= prefixed(number, done.tensors)
    write_tensors(out / CHECKPOINT, tensors, card)


def _predictions(settings: RunSettings, store: SegmentStore, trained: Sequence[Trained]) -> dict[str, list]:
    rows, index = _answered(store), store.index
    count = len(rows) * len(settings.patterns)
    columns: dict[str, list] = {name: [] for name in PREDICTIONS.names}
    answered = (CLIPS.answer,) if settings.task == "regression" else CLASSES
    for seed, done in zip(settings.seeds, trained, strict=True):
        columns["seed"] += [seed] * count
        columns["reason"] += ["" if len(done.answers) else DIVERGED] * count
        for number, name in enumerate((CLIPS.answer, *CLASSES)):
            there = name in answered and len(done.answers)
            columns[name] += (
                done.answers[:, number - (settings.task != "regression")].tolist()
                if there
                else [None] * count
            )
        for modality in settings.patterns:
            columns["left_out"] += [modality] * len(rows)
            columns["split"] += index.words["split"][rows].tolist()
            for place, name in enumerate(CLIPS.key):
                columns[name] += [index.key[row][place] for row in rows]
    return columns
