"""The settings of clips: where the corpus lies, the section of the configuration, and what a run is told."""

from __future__ import annotations

from pydantic import Field

from affectssm.settings.base import Strict
from affectssm.settings.corpora import PlaceSettings
from affectssm.vocabulary.corpora import NO_CORPUS


class MiniSettings(PlaceSettings):
    """Where the corpus lies."""

    root: str = Field("demo", description=f"folder of the corpus, {NO_CORPUS}, or demo")


class ClipSettings(Strict):
    """The section ``mini`` of the configuration."""

    ridges: tuple[float, ...] = Field((1.0,), min_length=1, description="penalties; one model each")
    seeds: tuple[int, ...] = Field(min_length=1, description="one run each; a cell is their mean")
    members: int = Field(5, ge=1, description="resampled fits that a run averages")


class RunSettings(Strict):
    """What a run is told."""

    experiment: str
    ridge: float = Field(gt=0)
    members: int = Field(ge=1)
    seed: int


class EvaluationSettings(Strict):
    """What an evaluation is told."""

    experiment: str
    seeds: tuple[int, ...]
