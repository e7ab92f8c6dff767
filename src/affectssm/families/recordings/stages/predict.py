"""Predict the recordings that a run reports; labels of test parts are not opened here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from affectssm.families.recordings.run_settings import RunSettings
from affectssm.families.recordings.stages.data import of_recordings, open_own
from affectssm.families.recordings.stages.frames import LABELLED
from affectssm.families.recordings.stages.people import Kinds, read_part, read_people
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.index import WindowIndex, read_windows
from affectssm.timeline.stitch import prediction_schema
from affectssm.training.frame_models import load_model
from affectssm.training.frames import predict_windows
from affectssm.training.run_files import CHECKPOINT, read_config_of
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import recording_prediction_modules


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
        DataError: when the checkpoint belongs to another run, or features have other dimensions than in training.
    """
    settings = settings.computed(computing)
    torch.set_num_threads(settings.training.threads)
    read_config_of(run, settings, "part")
    labelled, held = read_windows(windows / LABELLED), read_people(windows)
    asked = of_recordings(labelled, read_part(windows, settings.part).report)
    schema = prediction_schema(labelled.frames)
    with scans_of(settings.training.model_dump(), "recordings") as ran:
        training = settings.training
        table = answers(run, asked, features, held, training.batch, training.workers) if len(asked) else None
    card = make_card(
        "recordings/predict",
        recording_prediction_modules(settings.model),
        settings.told(),
        inputs=[run / CHECKPOINT, windows / LABELLED],
        fold=settings.part,
        seed=settings.seed,
        run=read_card(run / CHECKPOINT),
    )
    write_parquet(out, schema.empty_table() if table is None else table, schema, with_backends(card, ran))


def answers(
    run: Path,
    index: WindowIndex,
    features: Sequence[Path],
    held: Kinds,
    batch: int,
    workers: int = 0,
    labels: bool = True,
) -> pa.Table:
    """Return what a trained run answers to windows, labelled or not: rows as of ``prediction_schema``.

    Args:
        run: its folder.
        index: the windows, of the run's labels, clock and length.
        features: ``results/features/{corpus}-{edition}`` of the corpus.
        held: which kinds of streams each participant has; features of others are masked.
        batch: windows at a time.
        workers: processes that read them.
        labels: whether to put labels beside the answers.
    """
    model, scaler, config = load_model(run)
    windows = open_own(index, features, config["feature_dims"], held, config["feature_dims"], labels=labels)
    return predict_windows(model, scaler, windows, batch, workers)
