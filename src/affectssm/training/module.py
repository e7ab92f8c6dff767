"""One model in training: loss, optimiser, moving average, selection.

Letters as in losses.py: B windows of L clock frames, F label frames in a window's centre.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lightning import LightningModule
from torch import Tensor, nn

from affectssm.models.output import DialogueOutput
from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.clock import ratio
from affectssm.timeline.dialogue import DialogueBatch
from affectssm.timeline.scaler import Scaler
from affectssm.training.agreement import ccc as ccc_of_frames
from affectssm.training.ema import WeightAverage
from affectssm.training.losses import (
    at_label_frames,
    ccc_loss,
    info_nce,
    subsample,
    valid_at_label_frames,
)
from affectssm.training.schedule import rate_factor
from affectssm.training.seeds import mixed

HISTORY = ("epoch", "step", "loss", "loss_ccc", "loss_align", "val_ccc", "learning_rate")


class DialogueModule(LightningModule):
    """Trains a dialogue model; the validated weights are the moving average's.

    Args:
        model: takes a DialogueBatch.
        scaler: standardises the features, fitted on the training part.
        settings: of the run (``training``, ``groups``, ``model_settings``, ``seed``, ``clock_hz``).
    """

    def __init__(self, model: nn.Module, scaler: Scaler, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.scaler = scaler
        self.settings = settings
        self.recipe = settings["training"]
        self.per_label = ratio(settings["clock_hz"])
        self.average = WeightAverage(model, self.recipe["ema_decay"], self.recipe["ema_bias_correction"])
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_ccc = float("-inf")
        self.best_epoch = -1
        self._losses: list[tuple[float, float, float]] = []
        self._own: dict[str, Tensor] = {}
        self._validated: list[tuple[Tensor, Tensor]] = []

    def on_fit_start(self) -> None:
        self.scaler = self.scaler.to(self.device)

    # -- training --------------------------------------------------------------------------------------------

    def training_step(self, batch: NativeBatch, batch_idx: int) -> Tensor:
        seed = mixed(self.settings["seed"], self.global_step)
        torch.manual_seed(seed)  # dropout
        frames = batch.interpolate(self.scaler)
        output = self.model(frames)
        predicted = at_label_frames(output.prediction, self.per_label)
        loss_ccc = ccc_loss(predicted, batch.label, batch.label_valid)
        loss_align = self._alignment(frames, output, torch.Generator().manual_seed(seed))
        loss = self.recipe["lambda_ccc"] * loss_ccc + self.recipe["lambda_align"] * loss_align
        self._losses.append((loss.item(), loss_ccc.item(), loss_align.item()))
        return loss

    def _alignment(self, frames: DialogueBatch, output: DialogueOutput, generator: torch.Generator) -> Tensor:
        """Symmetric InfoNCE at the label frames at which both modality groups have something to say."""
        if output.audio is None or output.visual is None or self.recipe["lambda_align"] == 0:
            return output.prediction.new_zeros(())
        valid = frames.frame_valid
        for features in self.settings["groups"].values():
            valid = valid & torch.stack([frames.target_valid[name] for name in features]).any(0)
        window, frame = subsample(
            valid_at_label_frames(valid, self.per_label), self.recipe["negatives"], generator
        )
        audio = at_label_frames(output.audio, self.per_label)[window, frame]
        visual = at_label_frames(output.visual, self.per_label)[window, frame]
        return info_nce(audio, visual, window, frame, self.recipe["temperature"])

    def on_train_batch_end(self, outputs: Any, batch: NativeBatch, batch_idx: int) -> None:
        self.average.update(self.model)

    def configure_optimizers(self) -> Any:
        recipe = self.recipe
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe["learning_rate"], weight_decay=recipe["weight_decay"]
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: rate_factor(step, recipe["steps"], recipe["warmup_steps"])
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    # -- selection -------------------------------------------------------------------------------------------

    def on_validation_start(self) -> None:
        self._own = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.weights(self.model))
        self._validated = []

    def validation_step(self, batch: NativeBatch, batch_idx: int) -> None:
        predicted = at_label_frames(self.model(batch.interpolate(self.scaler)).prediction, self.per_label)
        self._validated.append((predicted[batch.label_valid].cpu(), batch.label[batch.label_valid].cpu()))

    def on_validation_epoch_end(self) -> None:
        """Score the selection set (centres tile its recordings: every frame counts once); keep the best."""
        predicted, target = (
            torch.cat(parts).double().numpy() for parts in zip(*self._validated, strict=True)
        )
        agreement = ccc_of_frames(predicted, target)
        if agreement > self.best_ccc:
            self.best_ccc, self.best_epoch = agreement, self.current_epoch
            self.best = {
                name: value.detach().cpu().clone() for name, value in self.model.state_dict().items()
            }
        self.model.load_state_dict(self._own)
        self._own = {}
        self.close_epoch(agreement)

    def close_epoch(self, agreement: float) -> None:
        """Add the epoch's row to the history; ``agreement`` is NaN where nothing selects."""
        rate = self.optimizers().param_groups[0]["lr"]
        row = (self.current_epoch, self.global_step, *np.mean(self._losses, axis=0), agreement, rate)
        self.history.append({name: float(value) for name, value in zip(HISTORY, row, strict=True)})
        self._losses = []

    # -- resuming --------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["affectssm"] = {
            "average": self.average.state_dict(),
            "history": self.history,
            "best": self.best,
            "best_ccc": self.best_ccc,
            "best_epoch": self.best_epoch,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["affectssm"]
        self.average.load_state_dict(state["average"])
        self.history, self.best = list(state["history"]), dict(state["best"])
        self.best_ccc, self.best_epoch = float(state["best_ccc"]), int(state["best_epoch"])
