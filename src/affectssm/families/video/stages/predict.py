"""Predict the videos that a run reports and, of the official split, the test videos.

A stage of its own: a new test video is predicted without training again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from affectssm.families.video.run_settings import RunSettings
from affectssm.families.video.stages.folds import OFFICIAL, divide
from affectssm.families.video.stages.frames import LABELLED, TEST, frames_of
from affectssm.families.video.stages.guard import refuse_features
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.index import WindowIndex, read_windows
from affectssm.timeline.loader import open_windows
from affectssm.timeline.stitch import prediction_schema
from affectssm.training.frame_models import load_model
from affectssm.training.frames import predict_windows
from affectssm.training.run_files import CHECKPOINT, read_config_of
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import video_prediction_modules


def predict(
    settings: RunSettings,
    run: Path,
    windows: Path,
    features: Sequence[Path],
    out: Path,
    computing: Mapping[str, Any],
) -> None:
    """Write the predictions of one run.

    Args:
        settings: of the run.
        run: ``results/runs/{experiment}/{part}/{seed}`` with its checkpoint.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of the corpus.
        out: predictions.parquet.
        computing: ``workers``, processes that read batches.

    Raises:
        ConfigError: for features of an encoder that saw what is reported.
        DataError: when the checkpoint belongs to another run, or features have other dimensions than in training.
    """
    settings = settings.computed(computing)
    torch.set_num_threads(settings.training.threads)
    read_config_of(run, settings, "fold")
    labelled = read_windows(windows / LABELLED)
    division = divide(labelled.targets, settings.fold, settings.cross_folds, settings.selection)
    refuse_features(settings.features, features, labelled, division)
    asked = [labelled.select(lambda target: (target.recording, target.participant) in division.report)]
    tests = [windows / TEST] if settings.fold == OFFICIAL else []
    asked += map(read_windows, tests)
    with scans_of(settings.training.model_dump(), "video") as ran:
        tables = [_answers(run, settings, index, features) for index in asked if len(index)]
    card = make_card(
        "video/predict",
        video_prediction_modules(settings.model),
        settings.told(),
        inputs=[run / CHECKPOINT, windows / LABELLED, *tests],
        fold=f"fold{settings.fold}",
        seed=settings.seed,
        run=read_card(run / CHECKPOINT),
    )
    schema = prediction_schema(frames_of(1, 1))
    write_parquet(out, pa.concat_tables([schema.empty_table(), *tables]), schema, with_backends(card, ran))


def _answers(run: Path, settings: RunSettings, index: WindowIndex, features: Sequence[Path]) -> pa.Table:
    """Predict the windows of an index."""
    model, scaler, config = load_model(run)
    windows = open_windows(index, features, settings.features, config["feature_dims"], held=settings.held)
    training = settings.training
    return predict_windows(model, scaler, windows, training.batch, training.workers, settings.blend)
