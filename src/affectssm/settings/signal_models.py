"""Settings of the models of bio-signals."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from affectssm.settings.base import Strict

Width = Annotated[int, Field(ge=2)]


class Widths(Strict):
    """Channels T that the encoder of a modality ends with."""

    eeg: Width = Field(16, description="EEG (16 as released)")
    eog: Width = Field(8, description="EOG (8 as released)")
    emg: Width = Field(6, description="EMG (6 as released)")
    ecg: Width = Field(8, description="ECG (not known; that of EOG)")
    gsr: Width = Field(6, description="skin conductance (not known; that of EMG)")
    other: Width = Field(8, description="any other modality")

    def of(self, modality: str) -> int:
        """The width of a modality by its name."""
        return getattr(self, modality) if modality in type(self).model_fields else self.other


class BiMambaTTASettings(Strict):
    """BiMamba-TTA's sizes and switches; the defaults are the released DEAP configuration."""

    widths: Widths = Field(default_factory=Widths, description="width T of every modality's encoder")
    windows_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 0.25, 0.125),
        min_length=1,
        description="temporal kernels in seconds, one branch each (int(w * rate) samples)",
    )
    pool_s: float = Field(0.125, gt=0, description="seconds averaged after the temporal kernels")
    hemispheres: tuple[str, ...] = Field(
        ("eeg",), description="modalities whose channels come left half first, right half second"
    )
    d_state: int = Field(36, ge=1, description="states of the intra-modal BiMamba")
    d_conv: int = Field(4, ge=1, description="convolution width of the intra-modal BiMamba")
    inter_d_state: int = Field(12, ge=1, description="states of the inter-modal BiMamba")
    inter_d_conv: int = Field(2, ge=1, description="convolution width of the inter-modal BiMamba")
    expand: int = Field(1, ge=1, description="expansion of both (d_inner = expand * d)")
    smooth_steps: int = Field(16, ge=1, description="kernel, in steps, of the convolution after the BiMamba")
    smooth_pool: int = Field(6, ge=1, description="steps averaged after it")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout")
    bidirectional: bool = Field(True, description="both directions; off: the past only, as released")
    auxiliary_weight: float = Field(0.3, ge=0, description="weight alpha of every modality's own loss")


class TSceptionSettings(Strict):
    """TSception's sizes; the defaults are its paper's."""

    windows_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 0.25, 0.125), min_length=1, description="temporal kernels in seconds"
    )
    temporal: int = Field(15, ge=1, description="temporal filters a window")
    spatial: int = Field(15, ge=1, description="spatial filters")
    hidden: int = Field(32, ge=1, description="width of the hidden layer")
    pool_s: float = Field(
        0.0625, gt=0, description="seconds averaged after the temporal filters (8 at 128 Hz)"
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout")
    hemispheres: tuple[str, ...] = Field(
        ("eeg",), description="modalities whose channels come left half first, right half second"
    )


class LGGNetSettings(Strict):
    """LGGNet's sizes; the defaults are its paper's."""

    windows_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.5, 0.25, 0.125), min_length=1, description="temporal kernels in seconds"
    )
    temporal: int = Field(64, ge=1, description="temporal filters a window")
    graph: int = Field(32, ge=1, description="width of the graph layer")
    pool_s: float = Field(0.125, gt=0, description="seconds a power is averaged over (16 at 128 Hz)")
    dropout: float = Field(0.5, ge=0, lt=1, description="dropout")


class MambaFormerSettings(Strict):
    """MambaFormer's sizes, as a classifier; its paper forecasts and gives none for this task."""

    d_model: int = Field(64, ge=4, description="width")
    layers: int = Field(2, ge=1, description="layers of attention and Mamba")
    heads: int = Field(4, ge=1, description="attention heads")
    d_state: int = Field(16, ge=1, description="states of a Mamba")
    d_conv: int = Field(4, ge=1, description="convolution width of a Mamba")
    expand: int = Field(2, ge=1, description="expansion of a Mamba")
    token_s: float = Field(0.03125, gt=0, description="seconds a token (4 samples at 128 Hz)")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout")

    @model_validator(mode="after")
    def _heads_divide(self) -> MambaFormerSettings:
        if self.d_model % self.heads:
            raise ValueError(f"heads that divide d_model ({self.d_model}); heads is {self.heads}")
        return self
