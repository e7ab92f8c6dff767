"""Train one run: a model on one seed, its epoch selected on windows it does not learn from."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from affectssm.errors import DataError
from affectssm.models.registry import build_model, parameter_count
from affectssm.store.card import make_card
from affectssm.timeline.loader import WindowDataset, batch_indices, in_order, make_loader
from affectssm.torchvision_ops import ensure_torchvision_ops
from affectssm.training.control import ExchangedLabels
from affectssm.training.data import LABELS, content_of, files_by_corpus, open_windows, training_indexes
from affectssm.training.experiments import parse_experiment, training_modules
from affectssm.training.run_files import CHECKPOINT, write_checkpoint, write_config, write_history

log = logging.getLogger(__name__)


def fit(settings: Mapping[str, Any], windows: Path, features: Sequence[Path], out_dir: Path) -> None:
    """Train a run, or go on with it after its last finished epoch.

    Args:
        settings: ``experiments.run_settings``.
        windows: ``results/windows/{task}``.
        features: ``results/features/{corpus}-{edition}`` of each corpus.
        out_dir: ``results/runs/{experiment}/{fold}/{seed}``; gets config.yaml, history.csv and, last,
            checkpoint.safetensors. The state of an unfinished run lies in ``.{seed}.resume`` beside it.

    Raises:
        DataError: without windows, or without valid labels in the selection part.
    """
    ensure_torchvision_ops()
    from affectssm.training.module import HISTORY, DialogueModule
    from affectssm.training.resume import KeepState

    recipe = settings["training"]
    torch.set_num_threads(recipe["threads"])
    train_index, select_index = training_indexes(settings, windows)
    content, made_of = content_of(settings, (train_index, select_index), features)
    card = make_card(
        "training/fit",
        training_modules(parse_experiment(settings["experiment"])),
        settings,
        seed=settings["seed"],
        content=content,
        features=made_of,
    )
    train = open_windows(settings, train_index, features)
    select = open_windows(settings, select_index, features, train.dims)
    scaler = train.scaler()
    torch.manual_seed(settings["seed"])
    model = build_model(settings["model"], settings["model_settings"], train.dims, settings["groups"])
    log.info(
        "%s seed %s: %s parameters, %s windows to learn from, %s to select on",
        settings["experiment"], settings["seed"], f"{parameter_count(model):,}", len(train), len(select),
    )  # fmt: skip
    module = DialogueModule(model, scaler, settings)
    state = KeepState(out_dir, card["id"])
    learned_from: WindowDataset | ExchangedLabels = train
    if settings["variant"] == "shuffled_labels":
        learned_from = ExchangedLabels(
            train, files_by_corpus(features, LABELS, train_index), settings["seed"]
        )
    _run_trainer(module, settings, learned_from, select, state)
    if not module.best:
        raise DataError(
            windows, "no CCC in the selection part", "valid labels that vary", "look into its fault table"
        )
    found = {
        "feature_dims": train.dims,
        "parameters": parameter_count(model),
        "best_epoch": module.best_epoch,
        "best_val_ccc": module.best_ccc,
    }
    write_config(out_dir / "config.yaml", {**settings, **found})
    write_history(out_dir / "history.csv", module.history, HISTORY)
    write_checkpoint(out_dir / CHECKPOINT, module.best, scaler, card)
    state.clear()


class _Steps:
    """The batches of the epochs, a function of (seed, step) alone."""

    def __init__(self, recipe: Mapping[str, Any], windows: int, seed: int) -> None:
        self.recipe, self.windows, self.seed = recipe, windows, seed

    @property
    def epochs(self) -> int:
        return math.ceil(self.recipe["steps"] / self.recipe["steps_per_epoch"])

    def of_epoch(self, epoch: int) -> list[Any]:
        first = epoch * self.recipe["steps_per_epoch"]
        last = min(first + self.recipe["steps_per_epoch"], self.recipe["steps"])
        return [
            batch_indices(self.windows, self.recipe["batch"], self.seed, step) for step in range(first, last)
        ]


def _run_trainer(
    module: Any, settings: Mapping[str, Any], train: Any, select: WindowDataset, state: Any
) -> None:
    """Run Lightning's loop over the epochs that are left."""
    from lightning import Callback, Trainer

    recipe = settings["training"]
    steps = _Steps(recipe, len(train), settings["seed"])

    class Batches(Callback):
        """Hands every epoch its own batches and says how it went."""

        def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
            pl_module.train_dataloader = lambda: self._loader(trainer.current_epoch)

        def _loader(self, epoch: int) -> DataLoader:
            return make_loader(train, steps.of_epoch(epoch), recipe["workers"])

        def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
            row = pl_module.history[-1]
            log.info(
                "epoch %d/%d step %d/%d loss %.4f val CCC %.4f",
                row["epoch"] + 1, steps.epochs, row["step"], recipe["steps"], row["loss"], row["val_ccc"],
            )  # fmt: skip

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = Trainer(
        accelerator="auto",
        devices=1,
        max_epochs=steps.epochs,
        reload_dataloaders_every_n_epochs=1,
        gradient_clip_val=recipe["clip_norm"],
        num_sanity_val_steps=0,
        callbacks=[Batches(), state],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=state.path.parent,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        validation = make_loader(select, in_order(len(select), recipe["batch"]), recipe["workers"])
        trainer.fit(module, val_dataloaders=validation, ckpt_path=state.found())
