"""What the jobs of clips are told: everything that decides their results, and nothing else."""

from __future__ import annotations

from typing import Any

from pydantic import SerializeAsAny, ValidationInfo, field_validator

from affectssm.families.clips.settings import ClipsSettings
from affectssm.families.clips.stages.modalities import TEXT, TOKENS
from affectssm.settings.base import JobSettings, Strict, settings_of_model
from affectssm.settings.clips import ClipTraining, Task
from affectssm.settings.text_tuning import TunedTextSettings
from affectssm.vocabulary.models import CLIP_MODELS

SECTION = "clips"  # of the configuration that they are from
Groups = dict[str, tuple[str, ...]]


class CutSettings(JobSettings):
    """How clips are cut: the features of each modality, and how they come to steps.

    Attributes:
        source: whose features they are.
        groups: modality -> features.
        steps: L.
        words: whether row l of every modality belongs to the l-th word, so that it is step l.
    """

    source: str
    groups: Groups
    steps: int
    words: bool


class Beside(Strict):
    """What answers for new clips need beside a run's own settings: how its clips were cut."""

    cut: CutSettings


class TunedText(Strict):
    """A text encoder that is tuned: which one (settings of the feature ``bert``), and how."""

    encoder: dict[str, Any]
    settings: TunedTextSettings


class RunSettings(JobSettings):
    """The runs of an experiment over some seeds."""

    experiment: str
    model: str
    variant: str
    corpus: str
    source: str
    task: Task
    modalities: tuple[str, ...]
    left_out: tuple[str, ...]
    language: str
    tuned: TunedText | None = None
    seeds: tuple[int, ...]
    model_settings: SerializeAsAny[Strict]
    batch: int
    training: ClipTraining

    @field_validator("model_settings", mode="before")
    @classmethod
    def _of_the_model(cls, given: Any, info: ValidationInfo) -> Any:
        return settings_of_model(ClipsSettings, CLIP_MODELS, info, given)

    @property
    def read(self) -> tuple[str, ...]:
        """What is read of a clip, in the order of the model's modalities."""
        own = {TEXT: TOKENS} if self.tuned else {}
        return tuple(own.get(name, name) for name in self.modalities)

    @property
    def patterns(self) -> tuple[str, ...]:
        """What clips are answered without: nothing, then each modality of left_out."""
        return "", *self.left_out

    @property
    def outputs(self) -> int:
        """Columns of the model's answer: the sentiment, or the three classes."""
        return 1 if self.task == "regression" else 3


class EvaluationSettings(JobSettings):
    """An evaluation of an experiment over some seeds."""

    experiment: str
    corpus: str
    source: str
    task: Task
    seeds: tuple[int, ...]
