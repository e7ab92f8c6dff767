"""Labels of media that were handed over as a whole, each brought to the steps of the recordings learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import DataError
from affectssm.families.clips.run_settings import CutSettings
from affectssm.families.clips.stages.answer import AT_ONCE, _clips, _Cuts
from affectssm.families.recordings.run_settings import ItemRunSettings
from affectssm.families.recordings.stages.items_task import Units, Whole
from affectssm.models.build import clip_model
from affectssm.settings.load import validate
from affectssm.timeline.segments import ChannelScaler
from affectssm.training.fold_runs import MEAN, MODEL, STD
from affectssm.training.frame_answers import backend_of
from affectssm.training.run_files import CHECKPOINT, below, read_tensors
from affectssm.training.scans import scans_of


@dataclass(frozen=True)
class _Read:
    """What is read of the media: modalities, in the model's order."""

    read: tuple[str, ...]


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
    told, modalities = validate(ItemRunSettings, fields, str(run)), tuple(settings["modalities"])
    names = [f"{one['part']}-seed{one['seed']}" for one in settings["runs"]]
    tensors = below(read_tensors(run / CHECKPOINT), f"{names.index(settings['set'])}.")
    scaler = ChannelScaler(*({n: t.numpy() for n, t in below(tensors, of).items()} for of in (MEAN, STD)))
    dims = {name: settings["dims"][name] for name in modalities}
    model = clip_model(told.model, told.model_settings, dims, told.outputs)
    try:
        model.load_state_dict(below(tensors, MODEL))
        units = Units(tensors["units.mean"].numpy(), tensors["units.std"].numpy())
    except (RuntimeError, KeyError) as error:
        raise DataError(
            run / CHECKPOINT, f"weights that do not fit the model: {str(error).splitlines()[0]}",
            "those of the model that the configuration describes", "pack the run again",
        ) from error  # fmt: skip
    cut = CutSettings(source=told.source, groups=told.groups, steps=settings["steps"], words=False)
    items, task = _clips(read_manifest(manifest)), Whole(model.eval(), told)
    answers, there = [], []
    with (
        _Cuts(features, _Read(modalities), cut, dims, scaler) as cuts,  # type: ignore[arg-type]  # reads no more
        scans_of({"scan_backend": backend_of(settings["training"])}, "recordings.items.training"),
        torch.inference_mode(),
    ):
        for at in range(0, len(items), AT_ONCE):
            batch = cuts.batch([key for key, _ in items[at : at + AT_ONCE]])
            answers.append(task.answer(batch)[0].numpy())
            there.append(np.any([mask.any(dim=1).numpy() for mask in batch.mask.values()], axis=0))
    found = np.concatenate(answers)
    values = found if task.classes else units.answers(found, told.range)
    columns = [f"class_{value:g}" for value in told.classes] if task.classes else list(told.columns)
    stop = np.array([seconds for _, seconds in items])
    spans = {"start_s": np.zeros(len(items)), "stop_s": stop, "time_s": stop / 2}
    who = {name: [key[at] for key, _ in items] for at, name in enumerate(("recording", "participant"))}
    own = {name: values[:, at].astype(np.float64) for at, name in enumerate(columns)}
    return pa.table({**who, **spans, **own, "valid": np.concatenate(there)})
