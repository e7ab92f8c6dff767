"""Fine-tune a trained model on the labelled sessions of MPIIGroupInteraction, leaving one session out.

MPIIGI has no training part. Each labelled session is a fold: the model goes on from the weights of the
base run for a fixed number of steps on the other sessions, and predicts the one it has not seen. Nothing
selects, so nothing can be selected on what is reported. One run holds the weights of all its folds, as
``{session}/{weight}``.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from affectssm.errors import DataError
from affectssm.families.dialogue.run_settings import RunSettings
from affectssm.families.dialogue.stages.data import labelled_sessions
from affectssm.families.dialogue.stages.task import Dialogues
from affectssm.store.card import make_card
from affectssm.store.ids import file_name
from affectssm.timeline.index import WindowIndex
from affectssm.timeline.loader import open_windows
from affectssm.training.frame_models import load_model
from affectssm.training.frames import content_of
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import (
    CHECKPOINT,
    resume_folder,
    write_checkpoint,
    write_config,
    write_history,
)
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import training_modules

log = logging.getLogger(__name__)


def fine_tune(settings: RunSettings, windows: Path, features: Sequence[Path], out_dir: Path) -> None:
    """Fine-tune one run; finished folds of a killed one are kept.

    Args:
        settings: of the run; ``base`` names the experiment to go on from, ``adapt_steps``
            how far.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of each corpus.
        out_dir: ``results/runs/{experiment}/{fold}/{seed}``.

    Raises:
        DataError: with fewer than two labelled sessions, or without the base run.
    """
    torch.set_num_threads(settings.training.threads)
    index = labelled_sessions(windows)
    sessions = sorted({target.recording for target in index.targets})
    if len(sessions) < 2:
        raise DataError(
            windows, f"labelled MPIIGI sessions: {sessions}", "two at least", "switch adapt_mpiigi off"
        )
    base = base_run(settings, out_dir)
    content, made_of = content_of(settings.features, [index], features)
    card = make_card(
        "training/adapt",
        training_modules(settings.model, settings.variant),
        settings.told(),
        inputs=[base / CHECKPOINT],
        seed=settings.seed,
        content=content,
        features=made_of,
    )
    weights: dict[str, Tensor] = {}
    history: list[dict[str, float]] = []
    used: set[str] = set()
    for number, session in enumerate(sessions):
        log.info("fold %d/%d: without session %s", number + 1, len(sessions), session)
        others = index.select(lambda target, out=session: target.recording != out)  # type: ignore[misc]
        with scans_of(settings.training.model_dump(), "dialogue") as ran:
            folder = resume_folder(out_dir) / file_name(session, "session")
            state = ResumeState(folder, f"{card['id']}-{session}", ran)
            own, rows = _tune(settings, base, others, features, state)
        used |= ran
        weights |= {f"{session}/{name}": value for name, value in own.items()}
        history += [{**row, "epoch": number} for row in rows]
    _, scaler, config = load_model(base)
    write_config(out_dir / "config.yaml", {**config, **settings.told(), "folds": sessions})
    write_history(out_dir / "history.csv", history)
    write_checkpoint(out_dir / CHECKPOINT, weights, scaler, with_backends(card, used))
    shutil.rmtree(resume_folder(out_dir), ignore_errors=True)


def base_run(settings: RunSettings, out_dir: Path) -> Path:
    """The folder of the base run with the same seed: ``runs/{base}{-edition}/main/{seed}``."""
    edition = out_dir.parents[1].name.removeprefix(settings.experiment)
    return out_dir.parents[2] / (settings.base + edition) / settings.base_fold / out_dir.name


def _tune(
    settings: RunSettings, base: Path, index: WindowIndex, features: Sequence[Path], state: ResumeState
) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Go on from the base run's weights on these windows; the averaged weights and the history.

    The fold's state stays until all folds are done: a killed run finds its finished folds there.
    """
    model, scaler, config = load_model(base)
    steps = settings.adapt_steps
    warmup = min(settings.training.warmup_steps, steps // 10)
    recipe = settings.with_recipe(steps=steps, steps_per_epoch=steps, warmup_steps=warmup).training
    task = Dialogues(model, scaler, recipe, settings.groups, index.per_label)
    training = Training(task, recipe.model_dump(), settings.seed)
    training.run(open_windows(index, features, settings.features, config["feature_dims"]), None, state)
    return training.average.weights(model), training.history
