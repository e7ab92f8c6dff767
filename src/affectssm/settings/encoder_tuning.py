"""Settings of the training of an encoder's last blocks."""

from __future__ import annotations

from pydantic import Field

from affectssm.settings.base import Strict


class EncoderTuningSettings(Strict):
    """Training of the last blocks of a masked autoencoder's encoder on single labelled frames."""

    frozen: int | None = Field(
        None, ge=0, description="blocks that stay as published; null: two thirds (16 of 24, 8 of 12)"
    )
    steps: int = Field(ge=1, description="optimiser steps")
    steps_per_epoch: int = Field(ge=1, description="steps after which the state is kept")
    batch: int = Field(ge=2, description="frames in a step; the loss is the CCC over them")
    learning_rate: float = Field(gt=0, description="AdamW's peak step size; then a cosine to zero")
    weight_decay: float = Field(0.05, ge=0, description="AdamW's")
    warmup_steps: int = Field(ge=0, description="steps of linear warm-up")
    clip_norm: float = Field(1.0, gt=0, description="largest norm of the gradients")
    workers: int = Field(0, ge=0, description="processes that read pictures")
