"""What the jobs of clips are told: everything that decides their results, and nothing else."""

from __future__ import annotations

from typing import Any

from pydantic import SerializeAsAny, ValidationInfo, field_validator

from affectssm.families.clips.settings import ClipsSettings
from affectssm.families.clips.stages.modalities import TEXT, TOKENS
from affectssm.settings.base import JobSettings, Strict, is_section
from affectssm.settings.clips import ClipTraining, Task
from affectssm.settings.text_tuning import TunedTextSettings
from affectssm.timeline.steps import Spread
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

    def spread(self, modality: str) -> Spread:
        """Return how a modality's rows come to steps; ids of tokens are never averaged."""
        if modality == TOKENS:
            return "first"
        return "row" if self.words else "share"


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
        model = info.data.get("model")
        if model not in CLIP_MODELS:
            raise ValueError(f"the settings of one of {', '.join(CLIP_MODELS)}; {model!r} is no model")
        settings = ClipsSettings.model_fields[model].annotation
        assert is_section(settings)
        return settings.model_validate(given)

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

    def recipe(self, clips: int) -> dict[str, Any]:
        """Return the recipe of the training loop for so many clips to learn from."""
        own = getattr(self.model_settings, "learning_rate", None), getattr(self.model_settings, "batch", None)
        batch = own[1] or self.batch
        an_epoch = -(-clips // batch)
        given = self.training.model_dump(include={"epochs", "weight_decay", "clip_norm", "scan_backend"})
        return given | {
            "learning_rate": own[0] or self.training.learning_rate,
            "batch": batch,
            "steps_per_epoch": an_epoch,
            "steps": an_epoch * self.training.epochs,
            "halved_every": an_epoch * (self.training.halved_every or self.training.epochs),
            "warmup_steps": 0,
            "coupled_decay": True,
            "ema_decay": 0.0,
            "ema_bias_correction": False,
            "workers": 0,
        }


class EvaluationSettings(JobSettings):
    """An evaluation of an experiment over some seeds."""

    experiment: str
    corpus: str
    source: str
    task: Task
    seeds: tuple[int, ...]
