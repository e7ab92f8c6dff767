"""The finished folds of an unfinished job: one file a fold in a sibling folder of the run, gone when it is finished.

A file belongs to one card: after an edit of the code, the settings or the data it is not taken up again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from affectssm.store.card import read_card
from affectssm.training.run_files import below, read_tensors, resume_folder, write_tensors
from affectssm.training.scans import backends_in, with_backends
from affectssm.training.trial_runs import Trained

TENSORS, HISTORY, HIGH = "tensors.", "history", "high"


class FinishedFolds:
    """Keeps folds by their number.

    Args:
        out_dir: the folder of the run.
        card_id: of the run.

    Attributes:
        ran: names of the scan backends that have computed the folds that were kept or found.
    """

    def __init__(self, out_dir: Path, card_id: str) -> None:
        self.folder, self.card_id = resume_folder(out_dir), card_id
        self.ran: set[str] = set()

    def keep(self, number: int, done: Trained, ran: set[str]) -> None:
        """Keep the n-th fold, which these scan backends have computed."""
        self.ran |= ran
        tensors = {TENSORS + name: value for name, value in done.tensors.items()}
        tensors |= {HISTORY: torch.from_numpy(done.history), HIGH: torch.from_numpy(done.high)}
        write_tensors(self._path(number), tensors, with_backends({"id": self.card_id}, ran))

    def found(self, number: int) -> Trained | None:
        """Return the n-th fold; None where it is not there, not whole, or of another card."""
        path = self._path(number)
        card = read_card(path) if path.is_file() and _readable(path) else None
        if card is None or card.get("id") != self.card_id:
            return None
        self.ran |= backends_in(card)
        tensors = read_tensors(path)
        return Trained(below(tensors, TENSORS), tensors[HISTORY].numpy(), tensors[HIGH].numpy())

    def clear(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.safetensors"


def _readable(path: Path) -> bool:
    try:
        with safe_open(path, "pt"):
            return True
    except (SafetensorError, OSError):
        return False
