"""Predict every recording that a run did not learn from.

A stage of its own: a new test session is predicted without training again. Labels of test parts are not
    opened here: ``target`` is filled for other parts only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from affectssm.families.dialogue.run_settings import RunSettings
from affectssm.families.dialogue.stages.data import labelled_sessions
from affectssm.families.dialogue.stages.frames import FRAMES
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.index import WindowIndex, read_windows
from affectssm.timeline.loader import open_windows
from affectssm.timeline.stitch import prediction_schema
from affectssm.training.frame_models import load_model
from affectssm.training.frames import predict_windows
from affectssm.training.run_files import CHECKPOINT, read_config_of
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import prediction_modules

PARTS = ("val", "test")  # window files; test holds all that neither trains nor selects


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
        run: ``results/runs/{experiment}/{fold}/{seed}`` with its checkpoint.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of each corpus.
        out: predictions.parquet.
        computing: ``workers``, processes that read batches.

    Raises:
        DataError: when the checkpoint belongs to another experiment, or features have other dimensions than
            in training.
    """
    settings = settings.computed(computing)
    torch.set_num_threads(settings.training.threads)
    config = read_config_of(run, settings)
    with scans_of(settings.training.model_dump(), "dialogue") as ran:
        tables = [
            _answers(run, prefix, settings, index, features)
            for index, prefix in asked_of(config, windows)
            if len(index)
        ]
    write_predictions(out, tables, settings, run, [windows / f"{part}.parquet" for part in PARTS], ran)


def asked_of(config: Mapping[str, Any], windows: Path) -> Iterator[tuple[WindowIndex, str]]:
    """The windows a run is asked for, and the prefix of the weights that predict them.

    An adapted run predicts each labelled MPIIGI session with the weights that have not seen it; a run
    selected on held-out training sessions the validation parts; any other run all that it did not learn from.
    """
    for session in config.get("folds", ()):
        yield labelled_sessions(windows).select(lambda t, only=session: t.recording == only), f"{session}/"  # type: ignore[misc]
    if "folds" not in config:
        every = config["selection"] != "holdout"
        for part in PARTS:
            yield read_windows(windows / f"{part}.parquet").select(lambda t: every or t.split == "val"), ""


def _answers(
    run: Path, prefix: str, settings: RunSettings, index: WindowIndex, features: Sequence[Path]
) -> pa.Table:
    """Predict the windows of an index with a run's weights of a prefix."""
    model, scaler, config = load_model(run, prefix)
    windows = open_windows(index, features, settings.features, config["feature_dims"])
    return predict_windows(model, scaler, windows, settings.training.batch, settings.training.workers)


def write_predictions(
    out: Path,
    tables: Sequence[pa.Table],
    settings: RunSettings,
    run: Path,
    windows: Sequence[Path],
    ran: Collection[str],
) -> None:
    """Write predictions.parquet with a card that holds the card of the run and the backends of its own scans."""
    card = make_card(
        "training/predict",
        prediction_modules(settings.model),
        settings.told(),
        inputs=[run / CHECKPOINT, *windows],
        fold=settings.fold,
        seed=settings.seed,
        run=read_card(run / CHECKPOINT),
    )
    schema = prediction_schema(FRAMES)
    table = pa.concat_tables(tables) if tables else schema.empty_table()
    write_parquet(out, table, schema, with_backends(card, ran))
