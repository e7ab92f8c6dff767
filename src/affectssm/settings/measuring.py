"""Settings of what is measured on this machine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from affectssm.settings.base import Strict


class MeasuringSettings(Strict):
    """Where steps are measured, and the memory that one may take."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    limit_gb: float = Field(8.0, gt=0, description="GB a step may take on a CPU; beyond, it is out of memory")
    gpu_limit_gb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="GB a step may take on a GPU (24: an RTX 4090); null: all it has"
    )
