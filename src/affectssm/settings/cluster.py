"""The section ``cluster``: what jobs that are sent elsewhere may ask for. It decides no result."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from affectssm.settings.base import Strict


class Cluster(Strict):
    """What jobs may ask for that are sent to a cluster; no result depends on it, and on one machine nothing does."""

    gpus: int = Field(
        1, ge=0, le=1, description="GPUs of a job whose network is worth one; 0 on a cluster without GPUs"
    )
    hours: float = Field(
        24.0, gt=0, description="the longest time limit: that of your partition; longer jobs go on in a retry"
    )
    memory_gb: Annotated[float, Field(gt=0)] | None = Field(
        None, description="the most memory: that of your nodes; null: no limit"
    )
