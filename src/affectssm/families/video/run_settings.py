"""What the jobs of video are told: everything that decides their results, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from affectssm.settings.base import JobSettings, Strict
from affectssm.settings.groups import features_of
from affectssm.settings.video import MambaVASettings, VideoTraining
from affectssm.store.ids import file_name
from affectssm.store.layout import places


class WindowSettings(JobSettings):
    """Which windows: of the videos with labels or of the others; how long, and how far apart in which use."""

    part: Literal["training", "prediction"]
    kinds: tuple[str, ...]
    length: int
    stride: int
    predicted_stride: int


class Place(Strict):
    """Where the corpus lies: its root or, of a named edition, the folder that says it."""

    root: str | None = None
    ground_truth: str | None = None
    edition: str | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Place:
        if (self.root is None) is (self.edition is None):
            raise ValueError("root or edition, one of the two")
        return self

    def folders(self) -> tuple[Path, Path | None]:
        """Return the root and the folder of withheld labels.

        Raises:
            DataError: if the edition does not say it.
        """
        if self.edition is not None:
            return places(Path(self.edition))
        assert self.root is not None
        return Path(self.root), Path(self.ground_truth) if self.ground_truth else None


class TuningSettings(JobSettings):
    """The tuning of an encoder on the videos that a fold learns from."""

    fold: int
    cross_folds: int
    encoder: dict[str, Any]
    tuning: dict[str, Any]
    seed: int
    place: Place


class EncodingSettings(JobSettings):
    """An extraction with a tuned encoder."""

    feature: str
    encoder: dict[str, Any]
    place: Place


class RunSettings(JobSettings):
    """A run: an experiment on one fold and seed."""

    experiment: str
    variant: str
    source: str
    fold: int
    cross_folds: int
    selection: Literal["inner", "reported"]
    exchanged: bool
    forward_fill: bool
    seed: int
    groups: dict[str, tuple[str, ...]]
    model: str
    model_settings: MambaVASettings
    learning_rate: float
    weight_decay: float
    training: VideoTraining
    blend: Literal["later", "hann"]

    @property
    def features(self) -> list[str]:
        """The features of the run's source, in the order of its groups."""
        return features_of(self.groups)

    @property
    def held(self) -> list[str]:
        """The features of which a row that is carried forward counts."""
        return self.features if self.forward_fill else []

    def computed(self, computing: Mapping[str, Any]) -> RunSettings:
        """Return them with how the run is computed: processes that read batches."""
        training = self.training.model_copy(update={"workers": computing.get("workers", 0)})
        return self.model_copy(update={"training": training})

    def recipe(self, windows: int) -> dict[str, Any]:
        """Return the recipe of the training loop for so many windows to learn from."""
        given = self.training.model_dump()
        an_epoch = -(-windows // self.training.batch)
        return given | {
            "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay,
            "steps_per_epoch": an_epoch,
            "steps": an_epoch * self.training.epochs,
            "warmup_steps": an_epoch * self.training.warmup_epochs,
            "ema_bias_correction": False,
        }


class EvaluationSettings(JobSettings):
    """An evaluation of an experiment over some seeds, fold by fold."""

    experiment: str
    folds: tuple[int, ...]
    cross_folds: int
    seeds: tuple[int, ...]


class PredictedWindows(Strict):
    """The windows that predict: frames, and frames from one to the next."""

    length: int = Field(ge=1, le=100_000)
    stride: int = Field(ge=1, le=100_000)

    @model_validator(mode="after")
    def _windows_touch(self) -> PredictedWindows:
        if self.stride > self.length:
            raise ValueError(f"stride up to length ({self.length}); {self.stride}")
        return self


class Beside(Strict):
    """What answers for new videos need beside a run's own settings."""

    windows: PredictedWindows


class SubmissionSettings(JobSettings):
    """A submission: the experiment, which names the file."""

    experiment: str

    @property
    def file(self) -> str:
        """How the file is called in the submission's folder."""
        return file_name(self.experiment.replace("+", "_"), "experiment") + ".txt"
