"""Train one run: a model on one seed, its epoch selected on windows it does not learn from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from affectssm.errors import DataError
from affectssm.models.build import build_model, parameter_count
from affectssm.store.card import make_card
from affectssm.timeline.loader import WindowDataset
from affectssm.timeline.tracks import files_by_corpus
from affectssm.training.control import ExchangedLabels, Learned
from affectssm.training.data import LABELS, content_of, open_windows, training_indexes
from affectssm.training.dialogues import Dialogues
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import (
    CHECKPOINT,
    resume_folder,
    write_checkpoint,
    write_config,
    write_history,
)
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import training_modules

log = logging.getLogger(__name__)


def fit(settings: Mapping[str, Any], windows: Path, features: Sequence[Path], out_dir: Path) -> None:
    """Train a run, or go on with it after its last finished epoch.

    Args:
        settings: ``experiments.run_settings``.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of each corpus.
        out_dir: ``results/runs/{experiment}/{fold}/{seed}``; gets config.yaml, history.csv and, last,
            checkpoint.safetensors. The state of an unfinished run lies in ``.{seed}.resume`` beside it.

    Raises:
        DataError: without windows, or without valid labels in the selection part.
    """
    recipe = settings["training"]
    torch.set_num_threads(recipe["threads"])
    train_index, select_index = training_indexes(settings, windows)
    content, made_of = content_of(settings, (train_index, select_index), features)
    card = make_card(
        "training/fit",
        training_modules(settings["model"], settings["variant"]),
        settings,
        seed=settings["seed"],
        content=content,
        features=made_of,
    )
    train = open_windows(settings, train_index, features)
    dims, scaler = train.dims, train.scaler()
    select = open_windows(settings, select_index, features, dims)
    torch.manual_seed(settings["seed"])
    model = build_model(settings["model"], settings["model_settings"], dims, settings["groups"])
    log.info(
        "%s seed %s: %s parameters, %s windows to learn from, %s to select on",
        settings["experiment"], settings["seed"], f"{parameter_count(model):,}", len(train), len(select),
    )  # fmt: skip
    training = Training(Dialogues(model, scaler, settings), recipe, settings["seed"])
    learned, selecting = _learned(settings, train, select, features)
    with scans_of(recipe, "dialogue") as ran:
        state = ResumeState(resume_folder(out_dir), card["id"], ran)
        training.run(learned, selecting, state)
    if not training.best:
        raise DataError(
            windows, "no CCC in the selection part", "valid labels that vary", "look into its fault table"
        )
    found = {
        "feature_dims": dims,
        "parameters": parameter_count(model),
        "best_epoch": training.best_epoch,
        "best_val_ccc": training.best_score,
    }
    write_config(out_dir / "config.yaml", {**settings, **found})
    write_history(out_dir / "history.csv", training.history)
    write_checkpoint(out_dir / CHECKPOINT, training.best, scaler, with_backends(card, ran))
    state.clear()


def _learned(
    settings: Mapping[str, Any], train: WindowDataset, select: WindowDataset, features: Sequence[Path]
) -> tuple[Learned, Learned]:
    """The windows to learn from and to select on; of the label control with exchanged labels."""
    if settings["variant"] != "shuffled_labels":
        return train, select
    seed = settings["seed"]
    return _exchanged(train, features, seed, redraw=True), _exchanged(select, features, seed, redraw=False)


def _exchanged(part: WindowDataset, features: Sequence[Path], seed: int, redraw: bool) -> ExchangedLabels:
    return ExchangedLabels(part, files_by_corpus(features, LABELS, part.index), seed, redraw)
