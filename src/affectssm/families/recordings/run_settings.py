"""What the jobs of one's own recordings are told: everything that decides their results, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from affectssm.families.clips.stages.modalities import MODALITIES
from affectssm.families.recordings.settings import ItemSettings, RecordingsSettings
from affectssm.settings.base import JobSettings, Strict, settings_of_model
from affectssm.settings.clips import ClipTraining, Task
from affectssm.settings.dialogues import TrainingSettings
from affectssm.settings.groups import features_of
from affectssm.settings.own_recordings import RANGED, Ranged
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

    @field_validator("range")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        """Its ends differ by what the section of the corpus asks."""
        return value

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


class Windows(Strict):
    """The windows that a run has learnt from: clock frames a label, of context on either side, and of the centre."""

    class Geometry(Strict):
        """Of a window, in clock frames; the rest of what a window index tells counts for nothing."""

        model_config = ConfigDict(extra="ignore", frozen=True)
        context: int = Field(ge=0, le=100_000)
        centre: int = Field(ge=1, le=100_000)

    model_config = ConfigDict(extra="ignore", frozen=True)
    per_label: int = Field(ge=1, le=10_000)
    frames: Geometry

    @model_validator(mode="after")
    def _whole_labels(self) -> Windows:
        if self.frames.centre % self.per_label:
            raise ValueError(
                f"a centre of whole labels; {self.frames.centre} frames, {self.per_label} a label"
            )
        return self


class FinishedRun(Strict):
    """What stands in a finished run's config.yaml, as far as answers for new media follow from it."""

    model: Literal["labelled_da_mamba", "labelled_mamba_va", "labelled_dat"]
    groups: dict[str, tuple[str, ...]]
    model_settings: SerializeAsAny[Ranged]
    training: TrainingSettings
    columns: tuple[str, ...] = Field(min_length=1)
    windows: Windows
    label_hz: float = Field(gt=0, le=1000)

    @field_validator("model_settings", mode="before")
    @classmethod
    def _of_the_model(cls, given: Any, info: ValidationInfo) -> Any:
        return RANGED[info.data["model"]].model_validate(given) if "model" in info.data else given

    @model_validator(mode="after")
    def _a_range_each(self) -> FinishedRun:
        if len(self.model_settings.ranges) != len(self.columns):
            raise ValueError(
                f"a range for each of {len(self.columns)} labels; {len(self.model_settings.ranges)}"
            )
        return self


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

    @field_validator("range")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        """Its ends differ by what the section of the corpus asks."""
        return value

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
