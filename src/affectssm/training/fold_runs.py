"""What the finished runs of a part keep: the weights and scalers of all its folds, and their answers.

``checkpoint.safetensors`` holds ``{n}.model.*`` and ``{n}.scaler.{modality}.mean|std`` for the n-th fold of
``config.yaml``: folds are named after groups, and a name from the data is neither a path nor a key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from affectssm.errors import DataError
from affectssm.models.build import segment_model
from affectssm.timeline.segment_format import SegmentFormat
from affectssm.timeline.segments import ChannelScaler
from affectssm.training.folds import Fold
from affectssm.training.run_files import CHECKPOINT, below, read_config, read_tensors, write_tensors

MODEL, MEAN, STD = "model.", "scaler.mean.", "scaler.std."
TENSORS, HISTORY, ANSWERS = "tensors.", "history", "answers"  # of a fold whose job is unfinished


@dataclass
class Trained:
    """A finished fold: weights and scaler, what is kept of each pass in a row, (n,) probabilities of the tested."""

    tensors: dict[str, Tensor]
    history: np.ndarray  # (epochs, ...)
    answers: np.ndarray


class TrainedFiles:
    """How a finished fold of an unfinished job is kept, see ``finished_folds``."""

    suffixes: Sequence[str] = (".safetensors",)

    def write(self, paths: Sequence[Path], fold: Trained, card: Mapping[str, Any]) -> None:
        """Write a fold, all in one file."""
        tensors = {TENSORS + name: value for name, value in fold.tensors.items()}
        tensors |= {HISTORY: torch.from_numpy(fold.history), ANSWERS: torch.from_numpy(fold.answers)}
        write_tensors(paths[0], tensors, card)

    def read(self, paths: Sequence[Path]) -> Trained:
        """Return a fold."""
        tensors = read_tensors(paths[0])
        return Trained(below(tensors, TENSORS), tensors[HISTORY].numpy(), tensors[ANSWERS].numpy())


def tensors_of(model: nn.Module, scaler: ChannelScaler) -> dict[str, Tensor]:
    """Return the weights and scaler of one fold, by name."""
    found = {MODEL + name: value.detach().cpu() for name, value in model.state_dict().items()}
    found |= {MEAN + name: torch.from_numpy(value) for name, value in scaler.mean.items()}
    return found | {STD + name: torch.from_numpy(value) for name, value in scaler.std.items()}


def prefixed(number: int, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the n-th fold under the names they have in the checkpoint."""
    return {f"{number}.{name}": value for name, value in tensors.items()}


def predictions(kept: SegmentFormat) -> pa.Schema:
    """The schema of predictions.parquet."""
    return kept.answers(pa.schema([("fold", pa.string())]), pa.string())


class FoldRuns:
    """The finished runs of a part.

    Args:
        run_dir: ``results/runs/{experiment}/{part}/{seed}``.

    Raises:
        DataError: when there are none.
    """

    def __init__(self, run_dir: Path) -> None:
        self.folder = run_dir
        self.settings = read_config(run_dir / "config.yaml")

    @property
    def part(self) -> str:
        """The part whose runs they are."""
        return self.folder.absolute().parent.name

    @property
    def names(self) -> list[str]:
        """The folds, in the order they were trained."""
        return list(self.settings["folds"])

    def folds(self, given: Sequence[Fold]) -> list[Fold]:
        """Return those of the given folds that were trained, in the order in which they were.

        Raises:
            DataError: if one of them is not given.
        """
        found = {fold.name: fold for fold in given}
        if lacking := [name for name in self.names if name not in found]:
            raise DataError(
                self.folder,
                f"fold {lacking[0]}, which these segments do not give",
                "the runs' segments",
                "train again",
            )
        return [found[name] for name in self.names]

    @cached_property
    def _tensors(self) -> dict[str, Tensor]:
        return read_tensors(self.folder / CHECKPOINT)

    def model(self, fold: str) -> nn.Module:
        """Return a fold's trained model, a new one each time, in evaluation mode."""
        # in the order of the modalities: YAML has put the names of the channels in the alphabet's
        channels = {name: self.settings["channels"][name] for name in self.settings["modalities"]}
        own = self.settings
        model = segment_model(own["model"], own["model_settings"], channels, own["rate_hz"], own["samples"])
        model.load_state_dict(below(self._of(fold), MODEL))
        return model.eval()

    def scaler(self, fold: str) -> ChannelScaler:
        """Return the scaler that was learnt on a fold's training segments."""
        own = self._of(fold)
        return ChannelScaler(_arrays(below(own, MEAN)), _arrays(below(own, STD)))

    def _of(self, fold: str) -> dict[str, Tensor]:
        if fold not in self.names:
            raise DataError(self.folder, f"no fold {fold}", f"one of {', '.join(self.names)}", "train again")
        return below(self._tensors, f"{self.names.index(fold)}.")


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in tensors.items()}
