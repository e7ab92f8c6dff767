"""Settings of the models of other families as they answer the labels of one's own recordings."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from affectssm.settings.base import ALIKE, Strict
from affectssm.settings.dialogues import DAMambaSettings, DATSettings
from affectssm.settings.video import MambaVASettings

Ranges = tuple[tuple[float, float], ...]


class Ranged(Strict):
    """Settings of a model with an output a label, bounded by the label's range."""

    ranges: Annotated[Ranges, ALIKE] = Field(
        min_length=1, description="lowest and highest value of each label"
    )

    @field_validator("ranges")
    @classmethod
    def _rising(cls, value: Ranges) -> Ranges:
        for low, high in value:
            if not low < high:
                raise ValueError(f"ranges that rise; {low:g} to {high:g}")
        return value


class RangedDAMamba(Ranged, DAMambaSettings):
    """DA-Mamba's."""


class RangedDAT(Ranged, DATSettings):
    """DAT's."""


class RangedMambaVA(Ranged, MambaVASettings):
    """Mamba-VA's."""
