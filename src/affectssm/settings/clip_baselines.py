"""Settings of the baselines of clips; the defaults are MMSA's for CMU-MOSEI (its ``config_regression.json``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from affectssm.settings.base import Strict

Rate = Annotated[float, Field(gt=0)] | None
Batch = Annotated[int, Field(ge=1)] | None
OWN = "of this model; null: that of all models"


class TFNSettings(Strict):
    """The Tensor Fusion Network's sizes and recipe."""

    text_hidden: int = Field(128, ge=1, description="states of the LSTM over text")
    text_out: int = Field(128, ge=1, description="columns of text in the tensor")
    audio_hidden: int = Field(16, ge=1, description="width of audio's layers, and its columns in the tensor")
    vision_hidden: int = Field(
        128, ge=1, description="width of vision's layers, and its columns in the tensor"
    )
    fusion_hidden: int = Field(16, ge=1, description="width of the layers after the tensor")
    dropout: float = Field(0.4, ge=0, lt=1, description="dropout in the parts of the modalities")
    fusion_dropout: float = Field(0.4, ge=0, lt=1, description="dropout on the tensor")
    learning_rate: Rate = Field(5e-3, description=f"learning rate {OWN}")
    batch: Batch = Field(128, description=f"clips a step {OWN}")


class LMFSettings(Strict):
    """Low-rank Multimodal Fusion's sizes and recipe."""

    rank: int = Field(4, ge=1, description="products that the tensor's weights are a sum of")
    text_hidden: int = Field(128, ge=1, description="states of the LSTM over text")
    text_out: int = Field(64, ge=1, description="columns of text that are fused")
    audio_hidden: int = Field(16, ge=1, description="width of audio's layers, and its columns that are fused")
    vision_hidden: int = Field(
        128, ge=1, description="width of vision's layers, and its columns that are fused"
    )
    dropout: float = Field(0.2, ge=0, lt=1, description="dropout in the parts of the modalities")
    learning_rate: Rate = Field(1e-3, description=f"learning rate {OWN}")
    batch: Batch = Field(32, description=f"clips a step {OWN}")


class MulTSettings(Strict):
    """The Multimodal Transformer's sizes and recipe."""

    d_model: int = Field(30, ge=1, description="columns that every modality is brought to")
    heads: int = Field(6, ge=1, description="attention heads")
    layers: int = Field(4, ge=1, description="layers of every Transformer")
    text_kernel: int = Field(5, ge=1, description="steps that text's first convolution sees")
    audio_kernel: int = Field(1, ge=1, description="steps that audio's first convolution sees")
    vision_kernel: int = Field(3, ge=1, description="steps that vision's first convolution sees")
    causal: bool = Field(True, description="a step attends to the past alone, as released; off: to all")
    text_dropout: float = Field(0.3, ge=0, lt=1, description="dropout on text as it comes")
    attention_dropout: float = Field(
        0.4, ge=0, lt=1, description="dropout of attention to text; elsewhere none"
    )
    output_dropout: float = Field(0.5, ge=0, lt=1, description="dropout in the head")
    learning_rate: Rate = Field(5e-4, description=f"learning rate {OWN}")
    batch: Batch = Field(4, description=f"clips a step {OWN}")

    @model_validator(mode="after")
    def _heads_divide(self) -> MulTSettings:
        if self.d_model % self.heads:
            raise ValueError(f"heads that divide d_model ({self.d_model}); heads is {self.heads}")
        return self
