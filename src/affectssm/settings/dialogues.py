"""Settings of the models of dialogues, and of how they are trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from affectssm.settings.base import Strict
from affectssm.settings.step import StepSettings


class DAMambaSettings(Strict):
    """DA-Mamba's sizes and switches (d = 384 and four blocks land near the paper's 28.7 M)."""

    d_model: int = Field(ge=4, description="width d")
    d_state: int = Field(ge=1, description="SSM state size N")
    blocks: int = Field(ge=1, description="hybrid blocks a modality group (K)")
    heads: int = Field(ge=1, description="attention heads")
    dropout: float = Field(ge=0, lt=1, description="dropout")
    expand: int = Field(ge=1, description="expansion of a Mamba block (d_inner = expand * d)")
    ffn: int = Field(ge=1, description="width of the feed-forward layers, as a multiple of d")
    d_conv: int = Field(4, ge=1, description="causal convolution width of a Mamba block")
    chunk: int = Field(16, ge=1, description="frames a chunk of the local attention")
    backbone: Literal["mamba", "transformer"] = Field(
        "mamba", description="global branch: SSM, or attention instead"
    )
    local_attention: bool = Field(True, description="chunked local attention beside the global branch")
    modality_fusion: bool = Field(
        True,
        description="fuse the audio and the visual group; otherwise each has a score and their mean counts",
    )
    partner_fusion: bool = Field(True, description="context from the partners; off: the target alone")
    seats: Literal["exchangeable", "ordered"] = Field(
        "exchangeable", description="several partners: in any order alike, or joined and numbered by seat"
    )
    cross_attention: bool = Field(True, description="light cross-attention between the modality groups")
    alignment: bool = Field(True, description="frame-wise symmetric InfoNCE between the groups")

    @model_validator(mode="after")
    def _heads_divide(self) -> DAMambaSettings:
        if self.d_model % self.heads:
            raise ValueError(f"heads that divide d_model ({self.d_model}); heads is {self.heads}")
        return self


class DATSettings(Strict):
    """DAT in its M configuration (dialogue-aware Transformer, the parent of DA-Mamba)."""

    d_model: int = Field(ge=4, description="width a cue")
    heads: int = Field(ge=1, description="attention heads")
    dim_head: int = Field(ge=1, description="width of a head in the modality Transformers")
    dim_head_cross: int = Field(ge=1, description="width of a head in the group and cross Transformers")
    dropout: float = Field(ge=0, lt=1, description="dropout")
    positions: int = Field(96, ge=1, description="learned positions: the longest window in frames")
    fused: bool = Field(
        True, description="PyTorch's fused attention; off: softmax of all scores, with the same result"
    )
    output: Literal["sigmoid", "selu"] = Field(
        "sigmoid", description="last activation; selu is DAT's own, whose values may leave 0 to 1"
    )


class TrainingSettings(StepSettings):
    """The recipe (DA-Mamba, training setup)."""

    learning_rate: float = Field(gt=0, description="AdamW's peak learning rate")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay")
    batch: int = Field(ge=1, description="windows a step")
    steps: int = Field(ge=1, description="optimiser steps")
    steps_per_epoch: int = Field(ge=1, description="steps between two validations (an epoch)")
    warmup_steps: int = Field(ge=0, description="linear warm-up before the cosine")
    clip_norm: float = Field(5.0, gt=0, description="largest gradient norm")
    ema_decay: float = Field(gt=0, lt=1, description="decay of the weights' moving average")
    ema_bias_correction: bool = Field(description="divide the average by 1 - decay^t, as Adam does")
    lambda_ccc: float = Field(1.0, ge=0, description="weight of 1 - CCC")
    lambda_align: float = Field(0.4, ge=0, description="weight of the alignment loss")
    temperature: float = Field(0.07, gt=0, description="temperature of InfoNCE")
    negatives: int = Field(256, ge=2, description="label frames of a batch that enter InfoNCE")
    workers: int = Field(0, ge=0, description="processes that read batches")

    @model_validator(mode="after")
    def _an_epoch_fits(self) -> TrainingSettings:
        if self.steps_per_epoch > self.steps:
            raise ValueError(f"steps_per_epoch up to steps ({self.steps}); it is {self.steps_per_epoch}")
        return self
