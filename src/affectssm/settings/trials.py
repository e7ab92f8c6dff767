"""Settings of the road of bio-signals: epochs, how trials are parted, what is trained, what goes missing and adapts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from affectssm.settings.adaptation import AdaptationSettings
from affectssm.settings.base import Strict
from affectssm.settings.segments import FoldSettings, MissingSettings
from affectssm.settings.signal_models import (
    BiMambaTTASettings,
    LGGNetSettings,
    MambaFormerSettings,
    TSceptionSettings,
)

Modality = Literal["eeg", "eog", "emg", "ecg", "gsr"]
Modalities = Annotated[tuple[Modality, ...], Field(min_length=1)]


class EpochSettings(Strict):
    """How trials are cut."""

    length_s: float = Field(4.0, gt=0, le=60, description="seconds an epoch; epochs do not overlap")
    rate_hz: float = Field(128.0, ge=16, le=1024, description="samples a second that models see")
    baseline: Literal["dropped", "subtracted"] = Field(
        "dropped", description="the time before the stimulus: dropped, or its mean taken from every channel"
    )
    baseline_s: float = Field(3.0, gt=0, description="how much of it counts, right before the stimulus")
    recorded: Literal["filtered", "raw"] = Field(
        "filtered",
        description="recordings as the recorder wrote them (.bdf): EEG to the common average and 4-45 Hz as DEAP's "
        "owners did, other electrodes above 0.5 Hz; or as they are",
    )


class ProtocolSettings(FoldSettings):
    """Which trials are learnt from and which are tested, and what counts as high."""

    threshold: float = Field(5.0, ge=1, le=9, description="ratings above it are high")
    equal: Literal["low", "high"] = Field(
        "low", description="what a rating of exactly the threshold counts as"
    )


class ModalitySettings(Strict):
    """Which modalities models see."""

    deap: Modalities = Field(("eeg", "eog", "emg"), description="of DEAP (these as released)")
    mahnob: Modalities = Field(("eeg", "ecg", "gsr"), description="of MAHNOB-HCI")


class TrialTrainingSettings(Strict):
    """The recipe of every model of bio-signals: Adam, a fixed number of epochs, the last weights."""

    learning_rate: float = Field(1e-3, gt=0, description="Adam's step size (TSception's)")
    weight_decay: float = Field(0.0, ge=0, description="Adam's weight decay")
    batch: int = Field(64, ge=2, description="segments a step (TSception: 64)")
    epochs: int = Field(30, ge=1, description="passes over a fold's training segments (the paper: 30)")
    scan_backend: Literal["auto", "reference", "numba", "triton", "mamba_ssm"] = Field(
        "auto",
        description="what computes the scans; auto: the first of mamba_ssm, triton, numba, reference that can",
    )
    threads: int = Field(1, ge=1, description="CPU threads of a run (part of the result's definition)")


class ChoiceSettings(Strict):
    """How the learning rates and thresholds of adaptation are chosen: on subjects that are then not tested."""

    development_subjects: int = Field(
        2, ge=0, description="subjects a corpus that choose and are not tested (0: the authors' constants)"
    )
    factors: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1.0, 0.1, 10.0, 100.0), min_length=1, description="tried, times the method's learning rate"
    )
    entropy_margins: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.4, 0.8), min_length=1, description="thresholds tried by EATA, as shares of ln N"
    )
    ratios: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (0.2, 0.4, 0.6, 0.8), min_length=1, description="ratios of missing modalities they are tried at"
    )


class Physiology(Strict):
    """DEAP and MAHNOB-HCI to BiMamba-TTA's tables."""

    modalities: ModalitySettings = Field(
        default_factory=ModalitySettings, description="which modalities models see"
    )
    epochs: EpochSettings = Field(default_factory=EpochSettings, description="how trials are cut")
    protocol: ProtocolSettings = Field(
        default_factory=ProtocolSettings, description="folds, and what counts as high"
    )
    models: tuple[Literal["bimamba_tta", "tsception", "lggnet", "mambaformer"], ...] = Field(
        ("bimamba_tta", "tsception", "lggnet", "mambaformer"),
        min_length=1,
        description="measured rows of bimtta_accuracy",
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (1, 2, 3, 4, 5), min_length=1, description="one run each; a cell is their mean"
    )
    control_seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (1, 2, 3, 4, 5),
        min_length=1,
        description="runs of bimtta_controls: one exchange of labels may agree with the truth by luck",
    )
    training: TrialTrainingSettings = Field(
        default_factory=TrialTrainingSettings, description="the recipe of all models"
    )
    bimamba_tta: BiMambaTTASettings = Field(default_factory=BiMambaTTASettings, description="BiMamba-TTA")
    tsception: TSceptionSettings = Field(default_factory=TSceptionSettings, description="TSception")
    lggnet: LGGNetSettings = Field(default_factory=LGGNetSettings, description="LGGNet")
    mambaformer: MambaFormerSettings = Field(default_factory=MambaFormerSettings, description="MambaFormer")
    missing: MissingSettings = Field(
        default_factory=MissingSettings, description="what goes missing from test segments"
    )
    methods: tuple[Literal["none", "tent", "eata", "read", "tltta", "bim_tta"], ...] = Field(
        ("none", "tent", "eata", "read", "tltta", "bim_tta"),
        description="measured rows of bimtta_missing; none is what the others are compared with",
    )
    adaptation: AdaptationSettings = Field(
        default_factory=AdaptationSettings, description="test-time adaptation"
    )
    choice: ChoiceSettings = Field(
        default_factory=ChoiceSettings, description="how its learning rates and thresholds are chosen"
    )

    @model_validator(mode="after")
    def _compared_with_none(self) -> Physiology:
        if "none" not in self.methods:
            raise ValueError("methods with none, which the others are compared with; it is left out")
        return self
