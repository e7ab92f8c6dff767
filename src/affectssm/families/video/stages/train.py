"""Train one run: Mamba-VA on one fold and seed, its epoch selected on videos that it does not learn from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from affectssm.errors import DataError
from affectssm.families.video.run_settings import RunSettings
from affectssm.families.video.stages.folds import Division, divide
from affectssm.families.video.stages.frames import LABELLED, LEARNT
from affectssm.families.video.stages.guard import refuse_features
from affectssm.families.video.stages.task import ValenceArousal
from affectssm.models.build import parameter_count
from affectssm.store.card import make_card
from affectssm.timeline.index import WindowIndex, read_windows
from affectssm.timeline.loader import open_windows
from affectssm.training.frame_exchange import ExchangedLabels, Learned
from affectssm.training.frame_models import build_model
from affectssm.training.frame_run import write_run
from affectssm.training.frames import content_of
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import resume_folder
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import video_training_modules

log = logging.getLogger(__name__)


def train(
    settings: RunSettings, windows: Path, features: Sequence[Path], out: Path, computing: Mapping[str, Any]
) -> None:
    """Train a run, or go on with it after its last finished epoch.

    Args:
        settings: of the run.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of the corpus.
        out: ``results/runs/{experiment}/{part}/{seed}``; gets config.yaml, history.csv and, last,
            checkpoint.safetensors. The state of an unfinished run lies in ``.{seed}.resume`` beside it.
        computing: ``workers``, processes that read batches.

    Raises:
        ConfigError: for features of an encoder that saw what selects or is reported.
        DataError: without people on either side of the fold, with a video on both, or without valid labels that vary to
            select on.
    """
    settings = settings.computed(computing)
    torch.set_num_threads(settings.training.threads)
    learn_index, select_index, division = indexes(settings, windows)
    for index in (learn_index, select_index):
        refuse_features(settings.features, features, index, division)
    content, made_of = content_of(settings.features, (learn_index, select_index), features)
    card = make_card(
        "video/train",
        video_training_modules(settings.model),
        settings.told(),
        seed=settings.seed,
        content=content,
        features=made_of,
        learnt=sorted({recording for recording, _ in division.learn}),
    )
    learnt = open_windows(learn_index, features, settings.features, held=settings.held)
    dims, scaler = learnt.dims, learnt.scaler()
    select = open_windows(select_index, features, settings.features, dims, held=settings.held)
    torch.manual_seed(settings.seed)
    model = build_model(settings.model, settings.model_settings, dims, settings.groups)
    log.info(
        "%s fold %d seed %d: %s parameters, %d windows of %d people to learn from, %d people to select on",
        settings.experiment, settings.fold, settings.seed, f"{parameter_count(model):,}", len(learnt),
        len(division.learn), len(division.select),
    )  # fmt: skip
    recipe = settings.recipe(len(learnt))
    training = Training(ValenceArousal(model, scaler, select_index), recipe, settings.seed)
    with scans_of(recipe, "video") as ran:
        state = ResumeState(resume_folder(out), card["id"], ran)
        training.run(_learned(settings, learnt, True), _learned(settings, select, False), state)
    if not training.best:
        raise DataError(
            windows, "no CCC on the videos that select", "valid labels that vary", "look into its fault table"
        )
    write_run(out, training, settings.told(), dims, scaler, with_backends(card, ran))
    state.clear()


def indexes(settings: RunSettings, windows: Path) -> tuple[WindowIndex, WindowIndex, Division]:
    """Return the windows a run learns from, those that select its epoch, and who is on which side.

    Raises:
        DataError: when a side is empty, or a video on both.
    """
    labelled = read_windows(windows / LABELLED)
    division = divide(labelled.targets, settings.fold, settings.cross_folds, settings.selection)
    learnt = read_windows(windows / LEARNT).select(lambda t: (t.recording, t.participant) in division.learn)
    selecting = labelled.select(lambda t: (t.recording, t.participant) in division.select)
    return learnt, selecting, division


def _learned(settings: RunSettings, windows: Any, redraw: bool) -> Learned:
    """Windows with their labels, or, of the label control, with those of other videos."""
    return ExchangedLabels(windows, settings.seed, redraw=redraw) if settings.exchanged else windows
