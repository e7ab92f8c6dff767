"""Settings of trials of bio-signals: how they are cut and parted, what is trained, what chooses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from affectssm.settings.base import Strict
from affectssm.settings.segments import FoldSettings
from affectssm.settings.step import StepSettings

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


class TrialTrainingSettings(StepSettings):
    """The recipe of every model of bio-signals: Adam, a fixed number of epochs, the last weights."""

    learning_rate: float = Field(1e-3, gt=0, description="Adam's step size (TSception's)")
    weight_decay: float = Field(0.0, ge=0, description="Adam's weight decay")
    batch: int = Field(64, ge=2, description="segments a step (TSception: 64)")
    epochs: int = Field(30, ge=1, description="passes over a fold's training segments (the paper: 30)")


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
