"""Settings of epochs of bio-signals, of how trials are parted, and of what counts as high."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from affectssm.settings_base import Strict


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


class ProtocolSettings(Strict):
    """Which trials are learnt from and which are tested, and what counts as high."""

    protocol: Literal["within", "pooled", "loso"] = Field(
        "within",
        description="trial-wise folds within each subject, trial-wise over all subjects, or leaving one subject out",
    )
    folds: int = Field(10, ge=2, description="folds of within and pooled (as many as trials, if fewer)")
    seed: int = Field(0, ge=0, description="seed of the order in which trials are dealt to folds")
    threshold: float = Field(5.0, ge=1, le=9, description="ratings above it are high")
    equal: Literal["low", "high"] = Field(
        "low", description="what a rating of exactly the threshold counts as"
    )
