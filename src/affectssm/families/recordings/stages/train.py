"""Train one run: a model on one part and seed, its epoch selected on recordings that it does not learn from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectssm.errors import DataError
from affectssm.families.recordings.run_settings import RunSettings
from affectssm.families.recordings.stages.data import (
    OwnWindows,
    content_learnt,
    groups_there,
    of_recordings,
    open_own,
)
from affectssm.families.recordings.stages.frames import LABELLED
from affectssm.families.recordings.stages.people import Kinds, read_part, read_people
from affectssm.families.recordings.stages.task import Labels
from affectssm.models.build import parameter_count
from affectssm.settings.own_recordings import Ranges
from affectssm.store.card import make_card
from affectssm.timeline.index import WindowIndex, read_windows
from affectssm.training.frame_models import build_model
from affectssm.training.frame_run import write_run
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import resume_folder
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.models import LABELLED_MODELS
from affectssm.vocabulary.stages import recording_training_modules

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
        DataError: without people on either side of the part, or valid labels that vary to learn from or to select on.
    """
    settings = settings.computed(computing)
    torch.set_num_threads(settings.training.threads)
    held = read_people(windows)
    learn_index, select_index, learnt_names = indexes(settings, windows)
    content, made_of = content_learnt(settings.features, (learn_index, select_index), features, held)
    card = make_card(
        "recordings/train",
        recording_training_modules(settings.model),
        settings.told(),
        seed=settings.seed,
        content=content,
        features=made_of,
        learnt=list(learnt_names),
    )
    learnt, select, told = opened(settings, learn_index, select_index, features, held)
    scaler = learnt.scaler()
    torch.manual_seed(settings.seed)
    model = build_model(told["model"], told["model_settings"], learnt.dims, told["groups"])
    log.info(
        "%s %s seed %d: %s parameters, %d windows of %d recordings to learn from, %d windows to select on",
        settings.experiment, settings.part, settings.seed, f"{parameter_count(model):,}", len(learnt),
        len(learnt_names), len(select),
    )  # fmt: skip
    recipe = settings.training.model_dump()
    task = Labels(model, scaler, settings.training, told["groups"], learn_index)
    training = Training(task, recipe, settings.seed)
    with scans_of(recipe, "recordings") as ran:
        state = ResumeState(resume_folder(out), card["id"], ran)
        training.run(learnt, select, state)
    if not training.best:
        raise DataError(
            windows,
            f"no CCC on the recordings that select the epoch of {settings.part}: {', '.join(_names(select_index))}",
            "valid labels that vary over time",
            "look into the fault tables and the files of labels; exclude a recording whose label never changes "
            "(corpora.folder.exclude), or choose what selects by the column split",
        )
    write_run(out, training, told, learnt.dims, scaler, with_backends(card, ran))
    state.clear()


def indexes(settings: RunSettings, windows: Path) -> tuple[WindowIndex, WindowIndex, tuple[str, ...]]:
    """Return the windows a run learns from, those that select its epoch, and the recordings that it learns from.

    Raises:
        DataError: when a side is empty.
    """
    labelled, part = read_windows(windows / LABELLED), read_part(windows, settings.part)
    learn, select = of_recordings(labelled, part.learn), of_recordings(labelled, part.select)
    for what, index, names in (("learn from", learn, part.learn), ("select on", select, part.select)):
        if not len(index):
            raise DataError(
                windows,
                f"no windows of the recordings to {what}: {', '.join(names) or 'none'}",
                f"one recording to {what} at least that has some of the media of {settings.source}",
                "look into missing.parquet beside the windows, and into the fault table",
            )
    return learn, select, part.learn


def opened(
    settings: RunSettings,
    learn: WindowIndex,
    select: WindowIndex,
    features: Sequence[Path],
    held: Kinds,
) -> tuple[OwnWindows, OwnWindows, dict[str, Any]]:
    """Return the data of a run, and what its configuration says: what was told, and what the data decided.

    The latter are the groups of features that there are, the range of each label, the clock and the windows.
    """
    learnt = open_own(learn, features, settings.features, held)
    selecting = open_own(select, features, learnt.dims, held, learnt.dims)
    ranges = ranges_of(settings, learnt)
    told = settings.told() | {
        "model": LABELLED_MODELS[settings.model],
        "model_settings": settings.model_settings.model_dump(mode="json")
        | {"ranges": [list(own) for own in ranges]},
        "groups": groups_there(settings.groups, learnt.dims),
        "columns": list(learn.frames.columns),
        "windows": learn.frames.told(learn.per_label),
        "label_hz": float(np.median([target.label_hz for target in learn.targets])),
    }
    return learnt, selecting, told


def ranges_of(settings: RunSettings, learnt: OwnWindows) -> Ranges:
    """Return the least and the largest value of each label: as told, else those that are learnt from.

    Raises:
        DataError: for a label that never changes in what is learnt from.
    """
    columns = learnt.index.frames.columns
    tracks = [learnt.label_track(number) for number in range(len(learnt.index.targets))]
    valid = [np.asarray(value)[keep].reshape(-1, len(columns)) for value, keep in tracks]
    values = np.concatenate(valid)
    low, high = (values.min(0), values.max(0)) if len(values) else (np.zeros(len(columns)),) * 2
    flat = [name for name, least, most in zip(columns, low, high, strict=True) if not least < most]
    if flat:
        raise DataError(
            ", ".join(map(str, learnt.paths[-1:])),
            f"{', '.join(flat)} without two different values in the {len(tracks)} tracks to learn from",
            "labels that vary",
            "look into the files of labels and the fault table",
        )
    if settings.range is not None:
        return (settings.range,) * len(columns)
    return tuple((float(least), float(most)) for least, most in zip(low, high, strict=True))


def _names(index: WindowIndex) -> list[str]:
    return sorted({target.recording for target in index.targets})
