"""What the jobs of dialogues are told: everything that decides their results, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Literal

from affectssm.families.dialogue import settings
from affectssm.settings.base import JobSettings, Strict
from affectssm.settings.dialogues import DAMambaSettings, DATSettings, TrainingSettings
from affectssm.settings.step import Precision, Recompute

Groups = dict[str, tuple[str, ...]]
"""Modality group -> features, in the order models see them."""
ClockHz = Literal[25, 100]


class WindowSettings(JobSettings):
    """Which windows: of the part of a task that is learnt from or of the one that is predicted."""

    part: Literal["training", "prediction"]
    kinds: tuple[str, ...]
    clock_hz: ClockHz


class RunSettings(JobSettings):
    """A run: an experiment on one seed. ``base`` is that of a run that goes on from another one's weights."""

    experiment: str
    model: str
    variant: str
    source: str
    selection: Literal["val", "holdout"]
    fold: str
    seed: int
    clock_hz: ClockHz
    groups: Groups
    model_settings: DAMambaSettings | DATSettings
    training: TrainingSettings
    adapt_steps: int = 0
    base: str = ""
    base_fold: str = ""

    @property
    def features(self) -> list[str]:
        """The features of the run's source, audio before visual."""
        return [feature for group in self.groups.values() for feature in group]

    def computed(self, computing: Mapping[str, Any]) -> RunSettings:
        """Return them with how the run is computed: processes that read batches."""
        return self.with_recipe(workers=computing.get("workers", 0))

    def with_recipe(self, **changed: Any) -> RunSettings:
        """Return them with another recipe of training."""
        return self.model_copy(update={"training": self.training.model_copy(update=changed)})


class EvaluationSettings(JobSettings):
    """An evaluation of an experiment over some seeds: the split that is reported, the columns of the table."""

    experiment: str
    split: Literal["test", "val"]
    cells: tuple[str, ...]
    source: str
    seeds: tuple[int, ...]
    scorer: Literal["by_frame", "official"]


class SubmissionSettings(JobSettings):
    """A submission: the experiment, which names the files."""

    experiment: str


class Sizes(JobSettings):
    """What a scale decides of a training step."""

    da_mamba: DAMambaSettings
    dat: DATSettings
    training: TrainingSettings


class MeasuredStep(Strict):
    """One step of the memory measurement; scale, batch and limit follow from the part that it belongs to."""

    model: str
    length: int
    part: Literal["lengths", "variants", "growth", "paper"] = "lengths"
    attention: Literal["", "plain", "fused"] = ""
    recompute: Recompute = "none"
    precision: Precision = "float32"


class MemorySettings(JobSettings, settings.MemorySettings):
    """The memory measurement: models, windows, and the sizes of every scale that may have to be taken."""

    models: tuple[str, ...]
    clock_hz: ClockHz
    groups: Groups
    feature_dims: dict[str, int]
    sizes: dict[str, Sizes]

    def steps(self) -> list[MeasuredStep]:
        """Return the steps that are measured, those that only a GPU can take among them; the first is none of these."""
        found = [MeasuredStep(length=length, **one) for one in self._methods() for length in self.lengths]
        found += self._varied(
            "variants", self.variants.lengths, self.variants.recompute, self.variants.precision
        )
        found += self._varied("growth", self.growth.lengths)
        found += self._varied("paper", self.paper.lengths, self.paper.recompute)
        measured = {step.model_copy(update={"part": "variants"}) for step in found if step.part == "lengths"}
        return [step for step in found if step not in measured]

    def _methods(self) -> list[dict[str, Any]]:
        """The models, DAT once for every kind of attention."""
        return [
            {"model": model, "attention": attention}
            for model in self.models
            for attention in (self.attention if model == "dat" else ("",))
        ]

    def _varied(
        self,
        part: str,
        lengths: Sequence[int],
        recompute: Sequence[str] = ("none",),
        precision: Sequence[str] = ("float32",),
    ) -> list[MeasuredStep]:
        ways = list(product(self._methods(), lengths, precision, recompute))
        return [
            MeasuredStep.model_validate(
                {**one, "part": part, "length": length, "precision": p, "recompute": r}
            )
            for one, length, p, r in ways
        ]
