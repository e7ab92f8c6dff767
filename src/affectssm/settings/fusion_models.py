"""Settings of the models that fuse the modalities of a clip."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from affectssm.settings.base import Strict


class ClipModelSettings(Strict):
    """What all fusions share: the way in, the width, the way out."""

    d_model: int = Field(128, ge=1, description="width")
    layers: int = Field(3, ge=1, description="layers")
    input: Literal["linear", "released"] = Field(
        "linear",
        description="how a modality comes to the width: a linear layer and a norm, or two of each as released",
    )
    pooling: Literal["mean", "max"] = Field(
        "mean",
        description="over the steps that are there; the released code has the maximum, over padding too",
    )
    hidden: int = Field(64, ge=1, description="width of the head's hidden layer")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout after every layer and before the head")


class FusionSettings(ClipModelSettings):
    """Sizes of stacks of Mamba layers: averaged, concatenated, or one of all modalities."""

    d_state: int = Field(64, ge=1, description="SSM state size N")
    d_conv: int = Field(4, ge=1, description="causal convolution width of a Mamba layer")
    expand: int = Field(2, ge=1, description="expansion of a Mamba layer (d_inner = expand * d_model)")
    dt_rank: int = Field(16, ge=1, description="rank of the step sizes (d_model / 8 as released)")
    dt_min: float = Field(1e-3, gt=0, description="lowest step size at the start, Mamba's by default")
    dt_max: float = Field(
        0.1,
        gt=0,
        description="highest; a state of step size 0.1 forgets in ten steps, one of 0.001 in a thousand",
    )

    @model_validator(mode="after")
    def _a_range(self) -> FusionSettings:
        if self.dt_min > self.dt_max:
            raise ValueError(f"dt_max from dt_min ({self.dt_min:g}) on; {self.dt_max:g}")
        return self


class CoupledMambaSettings(FusionSettings):
    """Coupled Mamba's sizes and switches; the defaults are its paper's, with the coupling that is stable."""

    coupling: Literal["mean", "sum", "mix", "pairwise", "none", "layerwise"] = Field(
        "mean",
        description="what of all modalities' states enters a state: the mean; the sum (equation 6 as printed, grows "
        "without bound); learned weights; a transition a pair (equation 5; slow); its own; layerwise: its own, but "
        "layers add a projection of the others' outputs, as the released code does",
    )


class AttentionFusionSettings(ClipModelSettings):
    """A Transformer in which every modality attends to the others."""

    heads: int = Field(4, ge=1, description="attention heads")
    expand: int = Field(4, ge=1, description="width of the feed-forward layers, times d_model")
    fused: bool = Field(
        True, description="PyTorch's fused attention; off: softmax of all scores, with the same result"
    )

    @model_validator(mode="after")
    def _heads_divide(self) -> AttentionFusionSettings:
        if self.d_model % self.heads:
            raise ValueError(f"heads that divide d_model ({self.d_model}); heads is {self.heads}")
        return self
