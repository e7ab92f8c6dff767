"""Train one run: a model on one seed, its epoch selected on windows it does not learn from; or fine-tune one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import RunSettings
from affectssm.families.dialogue.stages.data import training_indexes
from affectssm.families.dialogue.stages.task import Dialogues
from affectssm.models.build import parameter_count
from affectssm.store.card import make_card
from affectssm.timeline.loader import WindowDataset, open_windows
from affectssm.training.frame_exchange import ExchangedLabels, Learned
from affectssm.training.frame_models import build_model
from affectssm.training.frame_run import write_run
from affectssm.training.frames import content_of
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import resume_folder
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import FINE_TUNING, training_modules
from affectssm.vocabulary.targets import load

log = logging.getLogger(__name__)


def train(
    settings: RunSettings, windows: Path, features: Sequence[Path], out: Path, computing: Mapping[str, Any]
) -> None:
    """Train a run, or fine-tune another one where the settings name it; arguments and errors as of both."""
    learn = load(FINE_TUNING) if settings.base else fit
    learn(settings.computed(computing), windows, features, out)


def fit(settings: RunSettings, windows: Path, features: Sequence[Path], out_dir: Path) -> None:
    """Train a run, or go on with it after its last finished epoch.

    Args:
        settings: of the run.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of each corpus.
        out_dir: ``results/runs/{experiment}/{fold}/{seed}``; gets config.yaml, history.csv and, last,
            checkpoint.safetensors. The state of an unfinished run lies in ``.{seed}.resume`` beside it.

    Raises:
        DataError: without windows, or without valid labels in the selection part.
    """
    recipe, seed = settings.training.model_dump(), settings.seed
    torch.set_num_threads(settings.training.threads)
    train_index, select_index = training_indexes(settings, windows)
    content, made_of = content_of(settings.features, (train_index, select_index), features)
    card = make_card(
        "training/fit",
        training_modules(settings.model, settings.variant),
        settings.told(),
        seed=seed,
        content=content,
        features=made_of,
    )
    learnt = open_windows(train_index, features, settings.features)
    dims, scaler = learnt.dims, learnt.scaler()
    select = open_windows(select_index, features, settings.features, dims)
    torch.manual_seed(seed)
    model = build_model(settings.model, settings.model_settings, dims, settings.groups)
    log.info(
        "%s seed %s: %s parameters, %s windows to learn from, %s to select on",
        settings.experiment, seed, f"{parameter_count(model):,}", len(learnt), len(select),
    )  # fmt: skip
    task = Dialogues(model, scaler, settings.training, settings.groups, learnt.index.per_label)
    training = Training(task, recipe, seed)
    learned, selecting = _learned(settings, learnt, select)
    with scans_of(recipe, "dialogue") as ran:
        state = ResumeState(resume_folder(out_dir), card["id"], ran)
        training.run(learned, selecting, state)
    if not training.best:
        raise DataError(
            windows, "no CCC in the selection part", "valid labels that vary", "look into its fault table"
        )
    write_run(out_dir, training, settings.told(), dims, scaler, with_backends(card, ran))
    state.clear()


def _learned(settings: RunSettings, learnt: WindowDataset, select: WindowDataset) -> tuple[Learned, Learned]:
    """The windows to learn from and to select on; of the label control with exchanged labels."""
    if settings.variant != "shuffled_labels":
        return learnt, select
    return ExchangedLabels(learnt, settings.seed, redraw=True), ExchangedLabels(select, settings.seed)
