"""The state of an unfinished run: kept after every epoch in a sibling folder of the run, gone when it is finished.

The folder is no output of the workflow (Snakemake deletes declared outputs when a job fails). A state belongs to one
card: after an edit of the code, the settings or the data it is dropped, not continued.
"""

from __future__ import annotations

import logging
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from affectssm.store.atomic import staged
from affectssm.training.scans import backends_in, with_backends

log = logging.getLogger(__name__)


class ResumeState:
    """Keeps a run's state, atomically, under its card.

    Args:
        folder: of the state.
        card_id: of the run.
        ran: names of the scan backends that have computed the run so far, saved with the state; a state that is found
            adds those that computed it.
    """

    def __init__(self, folder: Path, card_id: str, ran: set[str]) -> None:
        self.path = folder / "state.pt"
        self.card_id, self.ran = card_id, ran

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep a state: tensors, numbers and texts in dictionaries and lists."""
        with staged(self.path) as temporary:
            torch.save(with_backends({**state, "card_id": self.card_id}, self.ran), temporary)

    def load(self) -> dict[str, Any] | None:
        """Return the state to go on from, on the CPU; one of another card, or that is not whole, is removed."""
        if not self.path.is_file():
            return None
        saved = _read(self.path)
        if saved["card_id"] == self.card_id:
            self.ran |= backends_in(saved)
            return saved
        log.info(
            "dropping the state of an earlier run (%s): code, settings or data have changed", saved["card_id"]
        )
        self.clear()
        return None

    def clear(self) -> None:
        """Remove the state."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    if zipfile.is_zipfile(path):
        with suppress(RuntimeError, pickle.UnpicklingError):
            return torch.load(path, map_location="cpu", weights_only=True)
    return {"card_id": "not whole"}
