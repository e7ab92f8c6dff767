"""Predict every recording that a run did not learn from.

A stage of its own: a new test session is predicted without training again. Labels of test parts are not
    opened here: ``target`` is filled for other parts only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import nn

from affectssm.errors import DataError
from affectssm.store.card import make_card, read_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.index import Target, WindowIndex, read_windows
from affectssm.timeline.loader import in_order, make_loader
from affectssm.timeline.scaler import Scaler
from affectssm.timeline.stitch import PREDICTIONS, Stitcher
from affectssm.training.data import open_windows
from affectssm.training.experiments import parse_experiment, prediction_modules
from affectssm.training.run_files import CHECKPOINT, load_model

log = logging.getLogger(__name__)
PARTS = ("val", "test")  # window files; test holds all that neither trains nor selects


def predict(
    settings: Mapping[str, Any], run_dir: Path, windows: Path, features: Sequence[Path], out: Path
) -> None:
    """Write the predictions of one run.

    Args:
        settings: ``experiments.run_settings``.
        run_dir: ``results/runs/{experiment}/{fold}/{seed}`` with its checkpoint.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of each corpus.
        out: predictions.parquet.

    Raises:
        DataError: when the checkpoint belongs to another experiment, or features have other dimensions than
            in training.
    """
    torch.set_num_threads(settings["training"]["threads"])
    model, scaler, config = load_model(run_dir)
    if (config["experiment"], config["seed"]) != (settings["experiment"], settings["seed"]):
        raise DataError(
            run_dir,
            f"a run of {config['experiment']} seed {config['seed']}",
            f"{settings['experiment']} seed {settings['seed']}",
            "name the run's own folder",
        )
    wanted = reported_parts(settings)
    indexes = [read_windows(windows / f"{part}.parquet").select(wanted) for part in PARTS]
    tables = [
        predict_windows(model, scaler, settings, index, features, config["feature_dims"])
        for index in indexes
        if len(index)
    ]
    write_predictions(out, tables, settings, run_dir, [windows / f"{part}.parquet" for part in PARTS])


def reported_parts(settings: Mapping[str, Any]) -> Callable[[Target], bool]:
    """What a run is asked for: everything, or the validation parts alone where these are reported."""
    if settings["selection"] == "holdout":
        return lambda target: target.split == "val"
    return lambda target: True


def predict_windows(
    model: nn.Module,
    scaler: Scaler,
    settings: Mapping[str, Any],
    index: WindowIndex,
    features: Sequence[Path],
    dims: Mapping[str, int],
) -> pa.Table:
    """Predict every label frame of an index once; rows as of :data:`PREDICTIONS`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, scaler = model.to(device).eval(), scaler.to(device)
    dataset = open_windows(settings, index, features, dims)
    recipe = settings["training"]
    batches = in_order(len(dataset), recipe["batch"])
    stitcher = Stitcher(index)
    with torch.inference_mode():
        for number, batch in enumerate(make_loader(dataset, batches, recipe["workers"]), start=1):
            moved = batch.to(device)
            stitcher.add(moved, model(moved.interpolate(scaler)).prediction)
            if number % 50 == 0 or number == len(batches):
                log.info("batch %d/%d", number, len(batches))
    return stitcher.table()


def write_predictions(
    out: Path, tables: Sequence[pa.Table], settings: Mapping[str, Any], run_dir: Path, windows: Sequence[Path]
) -> None:
    """Write predictions.parquet with a card that holds the card of the run."""
    card = make_card(
        "training/predict",
        prediction_modules(parse_experiment(settings["experiment"])),
        settings,
        inputs=[run_dir / CHECKPOINT, *windows],
        fold=settings["fold"],
        seed=settings["seed"],
        run=read_card(run_dir / CHECKPOINT),
    )
    write_parquet(out, pa.concat_tables(tables) if tables else PREDICTIONS.empty_table(), PREDICTIONS, card)
