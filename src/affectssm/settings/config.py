"""The configuration: what all families have in common; each adds its corpora and a section of its name.

What changes results lives here, and what jobs may ask a cluster for; cores and partitions live in the profiles. Every
stage of the workflow gets its own slice of this model, as JSON, on its command line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from affectssm.settings.base import Strict, default_tree, fill, with_defaults
from affectssm.settings.cluster import Cluster
from affectssm.settings.corpora import Corpora
from affectssm.settings.features import SCALES, Features

Scale = Literal["paper", "demo", "tiny"]


class Tables(Strict):
    """The tables."""

    allow_incomplete: bool = Field(
        False,
        description="write a table with missing units, naming them; false stops before anything is extracted",
    )


class Config(Strict):
    """The whole configuration. A null takes the value of the scale."""

    presets: ClassVar[Mapping[str, Any]] = {scale: {"features": own} for scale, own in SCALES.items()}
    """Scale -> the values that it decides."""
    checks: ClassVar[tuple[Callable[[Any], None], ...]] = ()
    """What families ask of the whole; each raises ValueError, ``expected; found; remedy``."""

    scale: Scale = Field(
        "demo", description="demo (small, learns what was planted), paper, or tiny (seconds)"
    )
    families: tuple[str, ...] = Field(
        ("dialogue", "biosignals", "video", "clips", "recordings"),
        description="kinds of tasks: those of affectssm, and modules that hold others (mylab.tasks); those of "
        "installed packages come by themselves",
    )
    corpora: Corpora = Field(default_factory=Corpora, description="where the corpora lie")
    features: Features = Field(description="extractors")
    tables: Tables = Field(default_factory=Tables, description="the tables")
    cluster: Cluster = Field(default_factory=Cluster, description="what jobs may ask a cluster for")

    @model_validator(mode="after")
    def _paper_is_pretrained(self) -> Config:
        if self.scale == "paper" and self.features.weights == "random":
            raise ValueError(
                "features.weights: pretrained at scale paper, whose numbers random weights say nothing about; "
                "features.weights is random; to try everything without pretrained weights set scale: demo"
            )
        return self

    @model_validator(mode="after")
    def _as_families_ask(self) -> Config:
        for check in self.checks:
            check(self)
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        scale = given.get("scale", cls.model_fields["scale"].default)
        preset = cls.presets.get(scale, {}) if isinstance(scale, str) else {}
        return with_defaults(fill(given, preset), default_tree(cls))
