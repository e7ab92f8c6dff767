"""Settings of the measurement of memory and time of models of clips."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from affectssm.settings.measuring import MeasuringSettings


class EfficiencySettings(MeasuringSettings):
    """Memory and time of inference and of a training step, by length (Coupled Mamba, figures 3 and 4)."""

    lengths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, description="steps of a clip; the paper's are 100 to 500, the growth is fitted over all"
    )
    batch: int = Field(ge=1, description="clips at once (32 in the paper)")
    repeats: int = Field(ge=1, description="runs that a time is the smallest of")
    enough_s: float = Field(10.0, gt=0, description="seconds after which a run is not repeated")
    scan_backend: Literal["auto", "reference", "numba", "triton", "mamba_ssm"] = Field(
        "auto",
        description="what computes the scans; auto: the first of mamba_ssm, triton, numba, reference that can",
    )
    threads: int = Field(1, ge=1, description="CPU threads")
