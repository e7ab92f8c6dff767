"""Settings of the models of video."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from affectssm.settings.base import ALIKE, Strict
from affectssm.settings.step import StepSettings

Width = Annotated[int, Field(ge=2)]


class MambaVASettings(Strict):
    """Mamba-VA's sizes and switches."""

    channels: Annotated[tuple[Width, ...], ALIKE] = Field(
        min_length=1,
        description="channels of the TCN's levels; the last one is the width of the Mamba layers",
    )
    kernel: int = Field(ge=1, description="frames a convolution of the TCN sees; dilations double from 1")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout in the TCN")
    layers: int = Field(ge=1, description="Mamba layers")
    d_state: int = Field(ge=1, description="SSM state size N")
    d_conv: int = Field(4, ge=1, description="causal convolution width of a Mamba layer")
    expand: int = Field(1, ge=1, description="expansion of a Mamba layer (d_inner = expand * d)")
    hidden: int = Field(ge=1, description="width of the head's hidden layer")
    init: Literal["mamba", "charon"] = Field(
        "mamba",
        description="how Mamba layers start: as in Mamba, or as released, where a state halves every frame",
    )
    conv_init: Literal["normal", "fan_in"] = Field(
        description="how the TCN starts: normal with deviation 0.01, which suits the paper's widths; fan_in: "
        "PyTorch's own, by the inputs of a filter, which suits any width",
    )
    parts: Literal["both", "tcn", "mamba", "frame"] = Field(
        "both",
        description="the whole, or one part alone, widened to the parameters of the whole; frame: neither, so that "
        "a frame is answered from itself alone",
    )
    bidirectional: bool = Field(
        False, description="Mamba layers in both directions of time; off: the past only, as released"
    )


class FoldRecipe(Strict):
    """Windows and rates of some folds.

    The paper (section 4.2) has one set of rates (3e-4, weight decay 1e-3, dropout 0.3) and no windows; its released
    code has a set for fold 0 and one for the others, neither of which is the paper's.
    """

    length: int = Field(ge=2, description="frames a window")
    stride: int = Field(ge=1, description="frames from one window to the next in training")
    learning_rate: float = Field(gt=0, description="AdamW's peak learning rate")
    weight_decay: float = Field(ge=0, description="AdamW's weight decay")
    dropout: float = Field(ge=0, lt=1, description="dropout in the TCN")

    @model_validator(mode="after")
    def _windows_touch(self) -> FoldRecipe:
        if self.stride > self.length:
            raise ValueError(
                f"stride up to length ({self.length}), so that every frame is learnt; {self.stride}"
            )
        return self


class VideoTraining(StepSettings):
    """What all folds share: AdamW, warm-up and epochs (paper, section 4.2), batch and epsilon (released code).

    After the warm-up there is one cosine; the released code starts its cosine again after 46 steps, 92, and so on.
    """

    batch: int = Field(ge=1, description="windows a step")
    epochs: int = Field(ge=1, description="passes over the windows; the best one on videos held out counts")
    warmup_epochs: int = Field(ge=0, description="linear warm-up before the cosine")
    clip_norm: float = Field(1.0, gt=0, description="largest gradient norm")
    eps: float = Field(1e-7, gt=0, description="AdamW's epsilon")
    ema_decay: float = Field(
        ge=0,
        lt=1,
        description="decay of the weights' moving average, which is what counts; 0: the weights",
    )
    workers: int = Field(0, ge=0, description="processes that read batches")
