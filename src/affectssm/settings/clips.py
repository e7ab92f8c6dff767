"""Settings of what is learnt from clips, beside those of the models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from affectssm.settings.step import StepSettings

Task = Literal["regression", "classification"]


class ClipTraining(StepSettings):
    """The recipe (paper, section 4.1): Adam, its decay a part of the gradients, the rate halved (released code)."""

    epochs: int = Field(
        ge=1, description="passes over the training clips; the best one on the validation clips counts"
    )
    learning_rate: float = Field(5e-4, gt=0, description="Adam's learning rate")
    weight_decay: float = Field(5e-4, ge=0, description="Adam's weight decay, a part of the gradients")
    halved_every: int = Field(50, ge=0, description="epochs after which the rate is halved; 0: never")
    clip_norm: float = Field(1.0, gt=0, description="largest gradient norm")
    noise: float = Field(
        0.0,
        ge=0,
        description="deviation of normal noise on every feature, in the feature's own unit, in training and in "
        "prediction; the released scripts have 3",
    )
