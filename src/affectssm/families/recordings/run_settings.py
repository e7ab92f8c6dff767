"""What the jobs of one's own recordings are told: everything that decides their results, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SerializeAsAny, ValidationInfo, field_validator

from affectssm.families.clips.stages.modalities import MODALITIES
from affectssm.families.recordings.settings import ItemSettings, RecordingsSettings
from affectssm.settings.base import JobSettings, Strict, settings_of_model
from affectssm.settings.clips import ClipTraining, Task
from affectssm.settings.dialogues import TrainingSettings
from affectssm.settings.groups import features_of
from affectssm.vocabulary.models import CLIP_MODELS, LABELLED_MODELS


class WindowSettings(JobSettings):
    """The windows of a source: kinds of streams it is made of, labels, clock, windows, and folds at most."""

    kinds: tuple[str, ...]
    columns: tuple[str, ...]
    clock_hz: float
    context: int
    centre: int
    folds: int


class RunSettings(JobSettings):
    """A run: an experiment on one part and seed. ``range`` is that of all labels; None: what is learnt from decides."""

    experiment: str
    model: str
    source: str
    part: str
    seed: int
    range: tuple[float, float] | None
    groups: dict[str, tuple[str, ...]]
    model_settings: SerializeAsAny[Strict]
    training: TrainingSettings

    @field_validator("model_settings", mode="before")
    @classmethod
    def _of_the_model(cls, given: Any, info: ValidationInfo) -> Any:
        return settings_of_model(RecordingsSettings, LABELLED_MODELS, info, given)

    @property
    def features(self) -> list[str]:
        """The features of the run's source, in the order of its groups."""
        return features_of(self.groups)

    def computed(self, computing: Mapping[str, Any]) -> RunSettings:
        """Return them with how the run is computed: processes that read batches."""
        training = self.training.model_copy(update={"workers": computing.get("workers", 0)})
        return self.model_copy(update={"training": training})


class ItemLabels(JobSettings):
    """Labels of recordings as a whole: their names, what is learnt of them, and the numbers of the classes, rising."""

    task: Task
    columns: tuple[str, ...]
    classes: tuple[float, ...]

    @property
    def outputs(self) -> int:
        """Columns of a model's answer: a label each, or the classes."""
        return len(self.classes) if self.task == "classification" else len(self.columns)


class ItemRunSettings(ItemLabels):
    """The runs of an experiment on recordings as a whole, over all parts and some seeds."""

    experiment: str
    model: str
    source: str
    groups: dict[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    folds: int
    range: tuple[float, float] | None
    model_settings: SerializeAsAny[Strict]
    batch: int
    training: ClipTraining

    @field_validator("model_settings", mode="before")
    @classmethod
    def _of_the_model(cls, given: Any, info: ValidationInfo) -> Any:
        return settings_of_model(ItemSettings, CLIP_MODELS, info, given)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities of the source, in the order in which models see them."""
        return tuple(name for name in MODALITIES if name in self.groups)


class ItemEvaluationSettings(ItemLabels):
    """An evaluation of recordings as a whole over some seeds."""

    experiment: str
    seeds: tuple[int, ...]
    folds: int


class EvaluationSettings(JobSettings):
    """An evaluation of an experiment over some seeds."""

    experiment: str
    columns: tuple[str, ...]
    seeds: tuple[int, ...]
