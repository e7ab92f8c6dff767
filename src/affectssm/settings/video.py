"""Settings of the models of video."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from affectssm.settings.base import Strict

Width = Annotated[int, Field(ge=2)]


class MambaVASettings(Strict):
    """Mamba-VA's sizes and switches; the defaults are the paper's (section 4.2), of the TCN its released code's."""

    channels: tuple[Width, ...] = Field(
        (1024, 768, 512, 256),
        min_length=1,
        description="channels of the TCN's levels; the last one is the width of the Mamba layers",
    )
    kernel: int = Field(15, ge=1, description="frames a convolution of the TCN sees; dilations double from 1")
    dropout: float = Field(0.3, ge=0, lt=1, description="dropout in the TCN")
    layers: int = Field(4, ge=1, description="Mamba layers")
    d_state: int = Field(8, ge=1, description="SSM state size N")
    d_conv: int = Field(4, ge=1, description="causal convolution width of a Mamba layer")
    expand: int = Field(1, ge=1, description="expansion of a Mamba layer (d_inner = expand * d)")
    hidden: int = Field(128, ge=1, description="width of the head's hidden layer")
    init: Literal["mamba", "charon"] = Field(
        "mamba",
        description="how Mamba layers start: as in Mamba, or as released, where a state halves every frame",
    )
    conv_init: Literal["normal", "fan_in"] = Field(
        "normal",
        description="how the TCN starts: normal with deviation 0.01, which suits the paper's widths; fan_in: "
        "PyTorch's own, by the inputs of a filter, which suits any width",
    )
    parts: Literal["both", "tcn", "mamba"] = Field(
        "both", description="the whole, or one part alone, widened to the parameters of the whole"
    )
    bidirectional: bool = Field(
        False, description="Mamba layers in both directions of time; off: the past only, as released"
    )

    @field_validator("channels")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        """Levels may be alike, unlike the names that other lists hold."""
        return value
