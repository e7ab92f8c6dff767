"""What each step of bio-signals is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator

from affectssm.families.biosignals.settings import BiosignalsSettings
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.base import Strict, settings_of_model
from affectssm.settings.biosignals import (
    ChoiceSettings,
    EpochSettings,
    ProtocolSettings,
    TrialTrainingSettings,
)
from affectssm.settings.load import validate
from affectssm.settings.segments import MissingSettings
from affectssm.vocabulary.models import SEGMENT_MODELS

SECTION = "biosignals"  # of the configuration that they are from


class RunSettings(Strict):
    """What the runs of a part are told: everything that decides their result, and nothing else.

    Attributes:
        experiment: its name, ``{model}[+{variant}]-{corpus}_{dimension}``.
        model: a name of the vocabulary's models of segments.
        variant: "" is the model as configured; shuffled_labels exchanges labels between the trials of a subject.
        corpus: whose trials.
        dimension: valence or arousal.
        seed: of the weights, of the order of segments and of dropout.
        modalities: that the model sees, in its order.
        rate_hz: samples a second of the segments.
        protocol: folds, and what counts as high.
        model_settings: the model's own.
        training: the recipe.
    """

    experiment: str
    model: str
    variant: str
    corpus: str
    dimension: str
    seed: int
    modalities: tuple[str, ...]
    rate_hz: float
    protocol: ProtocolSettings
    model_settings: SerializeAsAny[Strict]
    training: TrialTrainingSettings

    @field_validator("model_settings", mode="before")
    @classmethod
    def _of_the_model(cls, given: Any, info: ValidationInfo) -> Any:
        return settings_of_model(BiosignalsSettings, SEGMENT_MODELS, info, given)

    @classmethod
    def of_run(cls, config: Mapping[str, Any], where: Path) -> RunSettings:
        """Return what a finished run was told, out of its config.yaml.

        Raises:
            ConfigError: when it does not say.
        """
        return validate(cls, {name: config[name] for name in cls.model_fields if name in config}, str(where))


class AdaptedSettings(Strict):
    """What adaptation is told beside its runs: methods, streams, what goes missing and how to choose."""

    methods: tuple[str, ...]
    adaptation: AdaptationSettings
    missing: MissingSettings
    choice: ChoiceSettings


class ChoosingSettings(AdaptedSettings):
    """What is told of adaptation on a corpus: the same for all of its runs."""

    modalities: tuple[str, ...]


class AdaptationRunSettings(AdaptedSettings, RunSettings):
    """What adapting a run is told: the run's own settings and those of adaptation."""


class Beside(Strict):
    """What answers for new recordings need beside a run's own settings.

    Attributes:
        epochs: how its trials were cut.
        adaptation: constants of the methods of adaptation.
        chosen: method -> constants that development subjects chose in place of these.
    """

    epochs: EpochSettings
    adaptation: AdaptationSettings
    chosen: dict[str, dict[str, float | None]] = Field(default_factory=dict)


class EvaluationSettings(Strict):
    """What the evaluation of an experiment over some seeds is told."""

    experiment: str
    corpus: str
    dimension: str
    seeds: tuple[int, ...]
    protocol: ProtocolSettings
