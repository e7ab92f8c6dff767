"""The state of an unfinished run: kept after every epoch in a sibling folder of the run, gone when it is finished.

The folder is no output of the workflow (Snakemake deletes declared outputs when a job fails). A state belongs to one
card: after an edit of the code, the settings or the data it is dropped, not continued.
"""

from __future__ import annotations

import logging
import shutil
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from affectssm.store.atomic import staged
from affectssm.training.scans import backends_in, with_backends

log = logging.getLogger(__name__)


class KeepState(Callback):
    """Saves Lightning's checkpoint at the end of every epoch, atomically, under the run's card.

    Args:
        folder: of the state.
        card_id: of the run.
        ran: names of the scan backends that have computed the run so far, saved with the state; a state that is found
            adds those that computed it.
    """

    def __init__(self, folder: Path, card_id: str, ran: set[str]) -> None:
        self.path = folder / "last.ckpt"
        self.card_id, self.ran = card_id, ran

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        with staged(self.path) as temporary:
            trainer.save_checkpoint(temporary)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint |= with_backends({"card_id": self.card_id}, self.ran)

    def found(self) -> Path | None:
        """The state to go on from; one of another card, or that is no checkpoint, is removed."""
        if not self.path.is_file():
            return None
        saved: dict[str, Any] = {"card_id": "no checkpoint"}
        if zipfile.is_zipfile(self.path):
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
        card_id = saved.get("card_id")
        if card_id == self.card_id:
            self.ran |= backends_in(saved)
            return self.path
        log.info("dropping the state of an earlier run (%s): code, settings or data have changed", card_id)
        self.clear()
        return None

    def clear(self) -> None:
        """Remove the state."""
        shutil.rmtree(self.path.parent, ignore_errors=True)
