"""The processes of efficiency.py: each builds a model and answers or trains on clips of random numbers.

Memory is that of everything a phase needs: weights, batch and activations, and in training gradients, Adam's state and
two steps, because Adam makes its state in the first. Time is that of a call, or of a step, of a model that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectssm.families.clips.measured_settings import MeasureSettings
from affectssm.families.clips.stages.efficiency import PHASES
from affectssm.models.build import clip_model, parameter_count
from affectssm.training.optimisers import Adam
from affectssm.training.scans import scans_of
from affectssm.training.step_server import (
    Room,
    Work,
    chosen_device,
    limit_of,
    name_of,
    peak,
    say,
    seconds,
    serve,
    unless_refused,
)

WARM_UP = {"clips": 1, "length": 16}
SEED, LEARNING_RATE = 0, 5e-4
Clips = tuple[dict[str, Tensor], dict[str, Tensor]]


class Measured:
    """A model that is measured.

    Args:
        settings: of the measurement.
        name: of the model's row.
    """

    def __init__(self, settings: MeasureSettings, name: str) -> None:
        self.settings, self.name = settings, name
        self.device = chosen_device(settings)
        self.room = Room(self.device, limit_of(settings, self.device), settings.threads)

    def facts(self) -> dict[str, Any]:
        """What is known before anything is measured."""
        return {
            "model": self.name,
            "device": name_of(self.device),
            "kind": self.device.type,
            "batch": self.settings.batch,
            "d_model": self.settings.models[self.name].settings.get("d_model"),
            "parameters": parameter_count(self._model()),
            "limit_gb": self.room.limit_gb,
        }

    def bytes(self, phase: str, length: int) -> int:
        """The peak of a phase at a length in steps."""
        whole = {"clips": self.settings.batch, "length": length}
        return peak(self.room, *(partial(self._at_once, phase, **size) for size in (WARM_UP, whole)))

    def seconds(self, phase: str, length: int) -> float:
        """The time of a phase at a length in steps."""
        self._at_once(phase, **WARM_UP)
        once = self._prepared(phase, self.settings.batch, length, steps=1)
        return seconds(self.room, once, self.settings.repeats, self.settings.enough_s)

    def _at_once(self, phase: str, clips: int, length: int) -> None:
        self._prepared(phase, clips, length)()

    def _model(self) -> nn.Module:
        one = self.settings.models[self.name]
        return clip_model(one.model, one.settings, self.settings.dims, 1)

    def _prepared(self, phase: str, clips: int, length: int, steps: int = 2) -> Work:
        """A model and clips, and what is to be done with them."""
        torch.manual_seed(SEED)
        model, (values, mask) = self._model().to(self.device), self._clips(clips, length)
        if phase == "inference":
            return partial(_answer, model.eval(), values, mask)
        labels = torch.randn(clips, 1, device=self.device)
        optimiser = Adam(model.parameters(), LEARNING_RATE)

        def train() -> None:
            for _ in range(steps):
                optimiser.zero_grad()
                functional.l1_loss(model(values, mask), labels).backward()
                optimiser.step()

        return train

    def _clips(self, clips: int, length: int) -> Clips:
        shape, device, dims = (clips, length), self.device, self.settings.dims
        values = {name: torch.randn(*shape, columns, device=device) for name, columns in dims.items()}
        return values, {name: torch.ones(shape, dtype=torch.bool, device=device) for name in dims}


@torch.no_grad()
def _answer(model: nn.Module, values: Mapping[str, Tensor], mask: Mapping[str, Tensor]) -> None:
    model(values, mask)


def answer(asked: Mapping[str, Any]) -> None:
    """Answer one question: of the memory of both phases at a length, or of the time of the phases that fit at each."""
    measured = Measured(MeasureSettings.model_validate(asked["settings"]), asked["model"])
    with scans_of({"scan_backend": measured.settings.scan_backend}, "clips.efficiency") as ran:
        if "times" in asked:
            say_times(measured, asked["times"])
        else:
            say(measured.facts())
            say_memory(measured, asked["length"])
            say({"scan_backends": sorted(ran)})


def say_memory(measured: Measured, length: int) -> None:
    """Of both phases, each as soon as it is known; one that does not fit is the last."""
    for phase in PHASES:

        def find(phase: str = phase) -> None:
            say({f"{phase}_bytes": measured.bytes(phase, length)})

        if not unless_refused(measured.room, find):
            return


def say_times(measured: Measured, times: Mapping[str, Iterable[str]]) -> None:
    """By length, of the phases that it names; one length that does not fit is the last."""
    for length, phases in times.items():

        def find(length: str = length, phases: Iterable[str] = phases) -> None:
            say({length: {f"{phase}_s": measured.seconds(phase, int(length)) for phase in phases}})

        if not unless_refused(measured.room, find):
            return


if __name__ == "__main__":
    serve(answer)
