"""Settings of what families of labelled items share: how items come to folds, and what goes missing from segments."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from affectssm.settings.base import Strict


class FoldSettings(Strict):
    """Which items are learnt from and which are tested."""

    protocol: Literal["within", "pooled", "loso"] = Field(
        "within",
        description="trial-wise folds within each subject, trial-wise over all subjects, or leaving one subject out",
    )
    folds: int = Field(10, ge=2, description="folds of within and pooled (as many as trials, if fewer)")
    deal: Literal["random", "blocks"] = Field(
        "random",
        description="how trials come to folds: at random, or in blocks of consecutive trials of a subject, so that "
        "what changed between them (another day, dry electrodes) is met by models that have not seen it",
    )
    seed: int = Field(0, ge=0, description="seed of the order in which trials are dealt to folds at random")


class MissingSettings(Strict):
    """What goes missing from test segments."""

    patterns: tuple[Literal["modality", "channel", "sample"], ...] = Field(
        ("modality", "channel", "sample"),
        min_length=1,
        description="what goes missing as a whole; the first is the headline",
    )
    ratios: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(
        (0.2, 0.4, 0.6, 0.8), min_length=1, description="probability that one goes missing"
    )
    control: bool = Field(
        False, description="whole streams too, from which nothing is missing: there nothing should be gained"
    )
