"""The steps that benchmarks/step.py takes apart: models at their papers' scales, a loss each, and the update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import clip_step
import physio_step
import torch
import video_step
from measuring import Work
from torch import Tensor, nn
from video_work import loss_of as loss_of_video
from video_work import paper_model, updating

from affectssm.families.configuration import load_config
from affectssm.families.dialogue.catalogue import memory_settings
from affectssm.families.dialogue.run_settings import MeasuredStep, MemorySettings
from affectssm.families.dialogue.stages.memory_step import recipe_of
from affectssm.families.dialogue.stages.memory_work import SEED, in_training, random_windows
from affectssm.models.segments import classification_loss


@dataclass(frozen=True)
class Case:
    """A step: a model, its loss on a batch, and what follows the gradients.

    Attributes:
        model: with fresh weights.
        loss: what is minimised, from the batch as it is read.
        update: gradients cut where they are, the optimiser, the weights' average where there is one.
        words: what the batch is.
        batch: its tensors.
    """

    model: nn.Module
    loss: Callable[[], Tensor]
    update: Work
    words: str
    batch: list[Tensor]


def _dialogue(name: str, quick: bool, small: bool) -> Case:
    scale, length, windows = ("tiny", 64, 4) if quick else ("paper", 96, 64)
    windows = 2 if small else windows
    asked = {"device": "cpu", "scale": scale}
    settings = MemorySettings.model_validate(memory_settings(load_config({"dialogue": {"memory": asked}})))
    recipe = recipe_of(settings, MeasuredStep(model=name, length=length))
    training, batch = in_training(recipe), random_windows(recipe, windows)
    model = training.task.model.train()

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(training.optimiser.parameters, training.recipe["clip_norm"])
        training.optimiser.step()
        training.average.update(model)

    return Case(
        model,
        lambda: training.task.losses(batch, SEED)["loss"],
        update,
        f"{windows} windows of two people, {length} frames",
        list(batch.rows.values()),
    )


def _physio(quick: bool, small: bool) -> Case:
    count = 4 if quick or small else 64
    signals, labels = physio_step.data(count)
    model = physio_step.build("auto")
    return Case(
        model,
        lambda: classification_loss(model(signals), labels, 0.3),
        torch.optim.Adam(model.parameters(), lr=1e-3).step,
        f"{count} segments of 36 channels, 512 samples",
        list(signals.values()),
    )


def _video(quick: bool, small: bool) -> Case:
    shape = (2, 20) if quick or small else (16, 300)
    batch, target = video_step.data(shape)
    model = paper_model()
    return Case(
        model,
        lambda: loss_of_video(model(batch).prediction, target, batch.frame_valid),
        updating(model.parameters()),
        f"{shape[0]} windows, {shape[1]} frames",
        [own.rows for own in batch.target.values()],
    )


def _clips(quick: bool, small: bool) -> Case:
    count = 4 if quick or small else 128
    values, masks, target = clip_step.data(count)
    model = clip_step.built()
    return Case(
        model,
        lambda: nn.functional.l1_loss(model(values, masks), target),
        torch.optim.Adam(model.parameters(), lr=5e-4, weight_decay=5e-4).step,
        f"{count} clips, {clip_step.LENGTH} steps",
        list(values.values()),
    )


# pattern of a module's qualified name -> part; the first that finds counts, of the innermost module that any finds
PARTS: Mapping[str, Mapping[str, str]] = {
    "da_mamba": {
        r"^encoder\.groups": "projections of cues and groups",
        r"^encoder\.layers\.\d+\.\d+\.mixer": "blocks: BiMamba",
        r"^encoder\.layers\.\d+\.\d+\.local": "blocks: local attention",
        r"^encoder\.layers\.\d+\.\d+\.feed_forward": "blocks: feed-forward layers",
        r"^encoder\.layers\.\d+\.\d+": "blocks: norm, gate, dropout, residuals",
        r"^encoder\.cross": "attention between the groups",
        r"^heads\.\d+\.context\.attention": "partner context: attention",
        r"^heads\.\d+\.context": "partner context: Mamba and norms",
        r"^heads": "head",
        r"^(encoder|align)": "fusion, last norms, alignment",
    },
    "dat": {
        r"\.(project|activate)": "projections of cues",
        r"feed_forward": "feed-forward layers",
        r"\.cues\.": "Transformers of cues: attention, norm, residuals",
        r"\.fused\.": "Transformers of groups: attention, norm, residuals",
        r"^cross\.": "cross-attention: attention, norm, residuals",
        r"^score": "head",
    },
    "bimamba_tta": {
        r"^encoders\.\w+\.branches": "convolutions over channels",
        r"^encoders\.\w+\.mixer": "intra-modal BiMamba",
        r"^encoders\.\w+\.smooth": "smoothing",
        r"^encoders\.\w+$": "filters over time, joins, dropout",
        r"^fusion": "inter-modal BiMamba",
        r"^head": "heads",
    },
    "mamba_va": {
        r"parametrizations": "TCN: weight norm",
        r"^network\.local\..*conv$": "TCN: convolutions",
        r"^network\.local": "TCN: padding, PReLU, dropout, ways around",
        r"^network\.encoder\.layers\.\d+\.mixer": "encoder: Mamba",
        r"^network\.encoder": "encoder: norms, residuals, projection",
        r"^network\.head": "head",
    },
    "coupled_mamba": {
        r"^inputs": "ways in",
        r"^encode\.layers\.\d+\.mixer": "layers: coupled mixers",
        r"^encode": "layers: norms, residuals",
        r"^(join|head)": "joining and head",
    },
}
TITLES = {
    "da_mamba": "DA-Mamba",
    "dat": "DAT",
    "bimamba_tta": "BiMamba-TTA",
    "mamba_va": "Mamba-VA",
    "coupled_mamba": "Coupled Mamba",
}


def case(name: str, quick: bool, small: bool = False) -> Case:
    """A model's step; ``small``: on a batch that only makes compiled kernels."""
    if name in ("da_mamba", "dat"):
        return _dialogue(name, quick, small)
    return {"bimamba_tta": _physio, "mamba_va": _video, "coupled_mamba": _clips}[name](quick, small)
