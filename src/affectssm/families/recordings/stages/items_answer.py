"""Labels of media that were handed over as a whole, each brought to the steps of the recordings learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.corpora.manifest import read_manifest
from affectssm.families.clips.run_settings import CutSettings
from affectssm.families.clips.stages.given import Cuts, Weights, answers_of, items_of, table_of
from affectssm.families.recordings.run_settings import ItemRunSettings
from affectssm.families.recordings.stages.items_task import Units, Whole
from affectssm.models.build import clip_model
from affectssm.settings.load import validate
from affectssm.training.frame_answers import fitting
from affectssm.training.run_files import CHECKPOINT


def answer(
    run: Path, settings: Mapping[str, Any], manifest: Path, features: Path, work: Path, adapt: str
) -> pa.Table:
    """Return the table of answers, a row a participant (:class:`affectssm.families.answering.Answering`).

    Args:
        run: the folder of the runs.
        settings: their configuration, and ``set``, ``{part}-seed{seed}`` of the one that answers.
        manifest: rows of the participants.
        features: folder with ``{name}/{shard}.h5``.
        work: not used.
        adapt: not used, there is no adaptation at test time.

    Raises:
        DataError: for features of other dimensions than in training, or weights that do not fit.
    """
    fields = {name: settings[name] for name in ItemRunSettings.model_fields if name in settings}
    told = validate(ItemRunSettings, fields, str(run))
    names = [f"{one['part']}-seed{one['seed']}" for one in settings["runs"]]
    weights = Weights(run, names.index(settings["set"]))
    dims = {name: settings["dims"][name] for name in settings["modalities"]}
    task = Whole(weights.into(clip_model(told.model, told.model_settings, dims, told.outputs)), told)
    with fitting(run / CHECKPOINT):
        units = Units(weights.tensors["units.mean"].numpy(), weights.tensors["units.std"].numpy())
    cut = CutSettings(source=told.source, groups=told.groups, steps=settings["steps"], words=False)
    items = items_of(read_manifest(manifest))
    cuts = Cuts(features, tuple(dims), cut, dims, weights.scaler)
    found, there = answers_of(
        items, cuts, lambda batch: task.answer(batch)[0], settings["training"], "recordings.items.training"
    )
    if task.classes:
        return table_of(items, [f"class_{value:g}" for value in told.classes], found, there)
    return table_of(items, told.columns, units.answers(found, told.range), there)
