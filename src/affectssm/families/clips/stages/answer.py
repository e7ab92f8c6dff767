"""Sentiment of clips that were handed over, each cut as the run's own clips were."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.corpora.manifest import read_manifest
from affectssm.families.clips.run_settings import CutSettings, RunSettings
from affectssm.families.clips.stages.given import Cuts, Weights, answers_of, items_of, table_of
from affectssm.families.clips.stages.modalities import CLASSES, LABEL
from affectssm.families.clips.stages.task import Sentiment
from affectssm.families.clips.stages.whole import whole_model
from affectssm.settings.load import validate


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers, a row a clip (:class:`affectssm.families.answering.Answering`).

    Args:
        run: a run's folder.
        settings: its configuration, ``cut``, how its clips were cut, and ``set``, the seed whose weights answer.
        manifest: rows of the clips.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: not used, there is no adaptation at test time.

    Raises:
        DataError: for features of other dimensions than in training, or weights that do not fit.
    """
    told = validate(
        RunSettings, {n: settings[n] for n in RunSettings.model_fields if n in settings}, str(run)
    )
    cut = validate(CutSettings, settings["cut"], str(run))
    weights = Weights(run, _number(told, settings["set"]))
    model, _ = whole_model(told, settings["dims"], {})
    task = Sentiment(weights.into(model), told.task)
    items = items_of(read_manifest(manifest))
    cuts = Cuts(features, told.read, cut, settings["dims"], weights.scaler)
    values, there = answers_of(
        items, cuts, lambda batch: task.answer(batch)[0], settings["training"], "clips.training"
    )
    return table_of(items, CLASSES if told.task == "classification" else (LABEL,), values, there)


def _number(told: RunSettings, name: str) -> int:
    """Which of the seeds of a run is meant."""
    names = [f"seed{seed}" for seed in told.seeds]
    return names.index(name) if name else 0
