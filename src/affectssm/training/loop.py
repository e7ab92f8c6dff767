"""Lightning's loop, told which batches an epoch has.

A batch is a function of (seed, step) alone, and so is every random number in it: a run that was killed and
goes on after its last finished epoch ends with the same weights as one that was not.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from affectssm.timeline.loader import batch_indices, in_order, make_loader
from affectssm.training.control import Learned
from affectssm.training.module import DialogueModule
from affectssm.training.resume import KeepState

log = logging.getLogger(__name__)
QUIET = (  # what Lightning says about decisions taken here on purpose, or about itself
    ".*does not have many workers.*",
    "You defined a `validation_step` but have no `val_dataloader`.*",
    ".*treespec, LeafSpec.*",
    "The `srun` command is available.*",  # one process a run, on a cluster too
)


class Batches(Callback):
    """Hands every epoch its own batches and says how it went."""

    def __init__(self, dataset: Learned, recipe: Mapping[str, Any], seed: int, validated: bool) -> None:
        self.dataset, self.recipe, self.seed, self.validated = dataset, recipe, seed, validated
        self.epochs = math.ceil(recipe["steps"] / recipe["steps_per_epoch"])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        pl_module.train_dataloader = lambda: self.of_epoch(trainer.current_epoch)

    def of_epoch(self, epoch: int) -> DataLoader:
        """A loader of the batches of an epoch; the last epoch may be short."""
        first = epoch * self.recipe["steps_per_epoch"]
        steps = range(first, min(first + self.recipe["steps_per_epoch"], self.recipe["steps"]))
        batches = [batch_indices(len(self.dataset), self.recipe["batch"], self.seed, step) for step in steps]
        return _loader(self.dataset, batches, self.recipe)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, DialogueModule)
        if not self.validated:
            pl_module.close_epoch(float("nan"))
        row = pl_module.history[-1]
        score = f" val CCC {row['val_ccc']:.4f}" if math.isfinite(row["val_ccc"]) else ""
        place = f"epoch {trainer.current_epoch + 1}/{self.epochs} step {trainer.global_step}/{self.recipe['steps']}"
        log.info("%s loss %.4f%s", place, row["loss"], score)


def _loader(dataset: Learned, batches: Sequence[Any], recipe: Mapping[str, Any]) -> DataLoader:
    return make_loader(dataset, batches, recipe["workers"])  # type: ignore[arg-type]  # windows either way


def run_epochs(
    module: DialogueModule,
    settings: Mapping[str, Any],
    learned: Learned,
    select: Learned | None,
    state: KeepState,
) -> None:
    """Run the epochs that are left.

    Args:
        module: what is trained.
        settings: of the run.
        learned: the windows it learns from.
        select: the windows that select the epoch; None where nothing does, and the last weights count.
        state: keeps the state of the unfinished run.
    """
    recipe = settings["training"]
    batches = Batches(learned, recipe, settings["seed"], select is not None)
    validation = None if select is None else _loader(select, in_order(len(select), recipe["batch"]), recipe)
    with warnings.catch_warnings():
        for known in QUIET:
            warnings.filterwarnings("ignore", message=known)
        _trainer(recipe, batches.epochs, [batches, state], state.path.parent).fit(
            module, val_dataloaders=validation, ckpt_path=state.found()
        )


def _trainer(recipe: Mapping[str, Any], epochs: int, callbacks: Sequence[Callback], root: Path) -> Trainer:
    """Lightning's trainer on one device, without its own checkpoints, logs and bars."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return Trainer(
        accelerator="gpu" if torch.cuda.is_available() else "cpu",  # MPS has no float64, which CCC needs
        devices=1,
        max_epochs=epochs,
        reload_dataloaders_every_n_epochs=1,
        gradient_clip_val=recipe["clip_norm"],
        num_sanity_val_steps=0,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=root,
    )
