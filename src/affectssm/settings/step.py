"""Settings of how a training step is computed, whatever is trained; all belong to the result's definition."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from affectssm.settings.base import Strict

Recompute = Literal["none", "blocks", "all"]
Precision = Literal["float32", "bfloat16"]


class StepSettings(Strict):
    """How a step is computed."""

    scan_backend: Literal["auto", "reference", "numba", "triton", "mamba_ssm"] = Field(
        "auto",
        description="what computes the scans; auto: the first of mamba_ssm, triton, numba, reference that can",
    )
    threads: int = Field(1, ge=1, description="CPU threads of a run (part of the result's definition)")
    recompute: Recompute = Field(
        "none",
        description="what is computed a second time in the backward pass and not kept until then: nothing, the "
        "model's blocks, or its other parts too; the values are the same, for less memory and more time",
    )
    precision: Precision = Field(
        "float32",
        description="of a model in training; bfloat16 (autocast) is for a GPU, a CPU refuses it. Losses, weights and "
        "predictions are in float32",
    )
