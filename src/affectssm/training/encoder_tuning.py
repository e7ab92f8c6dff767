"""Train the last blocks of a masked autoencoder's encoder on the labels of single frames.

Mamba-VA (section 3.1) trains the blocks behind the first 16; by which labels it does not say, and the script is not
public. Here a linear head on the
CLS token learns with them, an output a column of the labels, by 1 - CCC of the frames of a batch, the mean over the
columns. The batches walk through all labelled frames in random order, so that one is of many recordings. Nothing
selects: the last weights count.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affectssm.errors import DataError
from affectssm.features.mae import sized
from affectssm.features.mae_network import load
from affectssm.features.mae_tuning import ENCODER, STAGE, Tail, Trunk, split
from affectssm.media.crops import CropReader
from affectssm.media.probe import MediaError
from affectssm.settings.encoder_tuning import EncoderTuningSettings
from affectssm.store.card import make_card
from affectssm.training.loop import Training
from affectssm.training.losses import ccc_loss
from affectssm.training.resume import ResumeState
from affectssm.training.run_files import resume_folder, write_tensors
from affectssm.training.seeds import mixed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledCrops:
    """One participant's crops with their labels.

    Attributes:
        recording: of which they are; what must not be predicted with the encoder that saw them.
        participant: whose.
        folder: of the crops.
        label: (T, C), its columns; row i is frame i.
        valid: (T,) bool.
    """

    recording: str
    participant: str
    folder: Path
    label: np.ndarray
    valid: np.ndarray


def tune_encoder(
    out: Path,
    seen: Sequence[LabelledCrops],
    encoder: Mapping[str, Any],
    settings: EncoderTuningSettings,
    columns: Sequence[str],
    fold: str,
    seed: int,
) -> None:
    """Train an encoder further and write what changed; a killed run goes on from its last finished epoch.

    Args:
        out: the safetensors file to write.
        seen: the training recordings' crops and labels, and no others.
        encoder: which one: the settings of the feature ``mae``, as published whatever its ``tuned`` says.
        settings: of the training.
        columns: what the labels' columns are called.
        fold: whose training recordings these are, for the card.
        seed: of the run.

    Raises:
        ConfigError: if the encoder's weights are missing, or no block is left to train.
        DataError: without a labelled frame that has a picture, or with weights that are not finite.
    """
    torch.set_num_threads(encoder.get("threads", 1))
    network, weights = load(encoder)
    trunk, tail = split(network, settings.frozen)
    data = CropFrames(seen, int(network.config.image_size))
    card = make_card(
        STAGE,
        ["affectssm.training.encoder_tuning"],
        {**settings.model_dump(exclude={"workers"}), "model": encoder["model"], "size": encoder["size"]},
        base=weights,
        columns=list(columns),
        fold=fold,
        recordings=sorted({one.recording for one in seen}),
        content=_content(seen),
        seed=seed,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixed(seed))
        model = Regressor(tail, int(network.config.hidden_size), len(columns))
    training = Training(FrameTask(trunk, model, columns), _recipe(settings), seed)
    state = ResumeState(resume_folder(out), card["id"], set())
    training.run(data, None, state)
    tensors = {ENCODER + name: value for name, value in tail.state_dict().items()}
    tensors |= {f"head.{name}": value for name, value in model.head.state_dict().items()}
    write_tensors(out, tensors, card)
    state.clear()


def _recipe(settings: EncoderTuningSettings) -> dict[str, Any]:
    # the average is of nobody's interest: without decay it is the last weights
    return settings.model_dump() | {"ema_decay": 0.0, "ema_bias_correction": False}


def _content(seen: Sequence[LabelledCrops]) -> str:
    digest = hashlib.sha256()
    for one in sorted(seen, key=lambda one: (one.recording, one.participant)):
        digest.update(f"{one.recording}/{one.participant}/{len(one.label)}\n".encode())
        digest.update(np.ascontiguousarray(one.label, "<f4").tobytes() + one.valid.astype(bool).tobytes())
    return digest.hexdigest()[:32]


@dataclass(frozen=True)
class FrameLabels:
    """A batch: images (B, S, S, 3) uint8, target (B, C) float32, valid (B,) bool."""

    images: Tensor
    target: Tensor
    valid: Tensor

    def to(self, device: torch.device) -> FrameLabels:
        """Return it on a device."""
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})


class CropFrames:
    """The labelled frames that have a picture; indexed by a batch's numbers.

    Args:
        seen: crops and labels.
        side: S, pixels a side.

    Raises:
        DataError: if there is no such frame.
        MediaError: if a folder cannot be read.
    """

    def __init__(self, seen: Sequence[LabelledCrops], side: int) -> None:
        self.side = side
        self._readers = [CropReader(one.folder) for one in seen]
        self._labels = [one.label for one in seen]
        self._columns = seen[0].label.shape[1] if seen else 0
        held = []
        for number, (one, reader) in enumerate(zip(seen, self._readers, strict=True)):
            there = np.zeros(len(one.valid), bool)
            frames = reader.numbers()
            there[frames[frames < len(there)]] = True
            usable = np.flatnonzero(there & one.valid)
            held.append(np.stack([np.full_like(usable, number), usable], 1).astype(np.int32))
        self._frames = np.concatenate(held) if held else np.zeros((0, 2), np.int32)
        if not len(self._frames):
            raise DataError(
                "tuning of an encoder", f"no labelled frame with a picture in {len(seen)} folders",
                "crops of training recordings that have labels", "look at the corpus's fault table",
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, numbers: np.ndarray) -> FrameLabels:
        images = np.zeros((len(numbers), self.side, self.side, 3), np.uint8)
        target, valid = np.zeros((len(numbers), self._columns), np.float32), np.zeros(len(numbers), bool)
        for place, (source, frame) in enumerate(self._frames[numbers]):
            try:
                picture = self._readers[source].picture(int(frame))
            except MediaError as error:
                log.warning("%s: %s", error.where, error.found)
                continue
            images[place], valid[place] = sized(picture, self.side), True
            target[place] = self._labels[source][frame]
        return FrameLabels(torch.from_numpy(images), torch.from_numpy(target), torch.from_numpy(valid))


class Regressor(nn.Module):
    """The blocks that are trained, and a linear head: tokens (N, P + 1, D) -> (N, C)."""

    def __init__(self, tail: Tail, dim: int, columns: int) -> None:
        super().__init__()
        self.tail, self.head = tail, nn.Linear(dim, columns)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.tail(tokens))


class FrameTask:
    """The labels of single frames, for :class:`affectssm.training.loop.Training`."""

    score_name = "none"  # nothing selects

    def __init__(self, trunk: Trunk, model: Regressor, columns: Sequence[str]) -> None:
        self.trunk, self.columns = trunk, columns
        self.model: nn.Module = model

    def to(self, device: torch.device) -> None:
        """Move all to a device."""
        self.trunk.to(device)
        self.model.to(device)

    def losses(self, batch: FrameLabels, seed: int) -> dict[str, Tensor]:
        """Return the mean of 1 - CCC over the columns, and each."""
        prediction = self.model(self.trunk(batch.images))
        each = {
            name: ccc_loss(prediction[:, column], batch.target[:, column], batch.valid)
            for column, name in enumerate(self.columns)
        }
        return {"loss": torch.stack(list(each.values())).mean(), **each}

    def answer(self, batch: FrameLabels) -> Sequence[Tensor]:
        """Nothing selects."""
        return ()

    def score(self, answers: Sequence[Sequence[Tensor]]) -> float:
        """Nothing selects."""
        return float("nan")
