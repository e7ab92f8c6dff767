"""Adapt a trained model to MPIIGroupInteraction: fine-tune it on the labelled sessions, leaving one session
out.

MPIIGI has no training part. Each labelled session is a fold: the model goes on from the weights of the
unadapted run for a fixed number of steps on the other sessions, and predicts the one it has not seen. Nothing
selects, so nothing can be selected on what is reported. One run holds the weights of all its folds, as
``{session}/{weight}``.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affectssm.errors import DataError
from affectssm.store.card import make_card
from affectssm.store.ids import file_name
from affectssm.timeline.index import WindowIndex
from affectssm.training.data import content_of, labelled_sessions, open_windows
from affectssm.training.dialogues import Dialogues
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import (
    CHECKPOINT,
    load_model,
    resume_folder,
    write_checkpoint,
    write_config,
    write_history,
)
from affectssm.training.scans import scans_of, with_backends
from affectssm.vocabulary.stages import training_modules

log = logging.getLogger(__name__)


def adapt(settings: Mapping[str, Any], windows: Path, features: Sequence[Path], out_dir: Path) -> None:
    """Adapt one run; finished folds of a killed one are kept.

    Args:
        settings: ``experiments.run_settings``; ``base`` names the experiment to go on from, ``adapt_steps``
            how far.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of each corpus.
        out_dir: ``results/runs/{experiment}/{fold}/{seed}``.

    Raises:
        DataError: with fewer than two labelled sessions, or without the unadapted run.
    """
    torch.set_num_threads(settings["training"]["threads"])
    index = labelled_sessions(windows)
    sessions = sorted({target.recording for target in index.targets})
    if len(sessions) < 2:
        raise DataError(
            windows, f"labelled MPIIGI sessions: {sessions}", "two at least", "switch adapt_mpiigi off"
        )
    base = base_run(settings, out_dir)
    content, made_of = content_of(settings, [index], features)
    card = make_card(
        "training/adapt",
        training_modules(settings["model"], settings["variant"]),
        settings,
        inputs=[base / CHECKPOINT],
        seed=settings["seed"],
        content=content,
        features=made_of,
    )
    weights: dict[str, Tensor] = {}
    history: list[dict[str, float]] = []
    used: set[str] = set()
    for number, session in enumerate(sessions):
        log.info("fold %d/%d: without session %s", number + 1, len(sessions), session)
        others = index.select(lambda target, out=session: target.recording != out)  # type: ignore[misc]
        with scans_of(settings["training"], "dialogue") as ran:
            folder = resume_folder(out_dir) / file_name(session, "session")
            state = ResumeState(folder, f"{card['id']}-{session}", ran)
            own, rows = _tune(settings, base, others, features, state)
        used |= ran
        weights |= {f"{session}/{name}": value for name, value in own.items()}
        history += [{**row, "epoch": number} for row in rows]
    _, scaler, config = load_model(base)
    write_config(out_dir / "config.yaml", {**config, **settings, "folds": sessions})
    write_history(out_dir / "history.csv", history)
    write_checkpoint(out_dir / CHECKPOINT, weights, scaler, with_backends(card, used))
    shutil.rmtree(resume_folder(out_dir), ignore_errors=True)


def base_run(settings: Mapping[str, Any], out_dir: Path) -> Path:
    """The folder of the unadapted run with the same seed: ``runs/{base}{-edition}/main/{seed}``."""
    edition = out_dir.parents[1].name.removeprefix(settings["experiment"])
    return out_dir.parents[2] / (settings["base"] + edition) / settings["base_fold"] / out_dir.name


def _tune(
    settings: Mapping[str, Any], base: Path, index: WindowIndex, features: Sequence[Path], state: ResumeState
) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
    """Go on from the base run's weights on these windows; the averaged weights and the history.

    The fold's state stays until all folds are done: a killed run finds its finished folds there.
    """
    model, scaler, config = load_model(base)
    steps = settings["adapt_steps"]
    recipe = {**settings["training"], "steps": steps, "steps_per_epoch": steps}
    recipe["warmup_steps"] = min(recipe["warmup_steps"], steps // 10)
    own = {**settings, "training": recipe}
    training = Training(Dialogues(model, scaler, own), recipe, settings["seed"])
    training.run(open_windows(settings, index, features, config["feature_dims"]), None, state)
    return training.average.weights(model), training.history
