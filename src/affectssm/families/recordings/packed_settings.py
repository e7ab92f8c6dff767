"""What is packed of runs on one's own recordings: their effective configuration, of labels per frame and as a whole."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from affectssm.families.recordings.run_settings import ItemRunSettings
from affectssm.settings.base import JobSettings, Strict
from affectssm.settings.dialogues import TrainingSettings
from affectssm.settings.own_recordings import RangedDAMamba, RangedDAT, RangedMambaVA

RANGED: dict[str, type[Strict]] = {
    "labelled_da_mamba": RangedDAMamba,
    "labelled_mamba_va": RangedMambaVA,
    "labelled_dat": RangedDAT,
}
"""Model -> its settings."""
_LONGEST = 100_000  # frames


class Geometry(Strict):
    """The windows of frames, see :class:`affectssm.timeline.frames.Frames`."""

    label: str
    columns: tuple[str, ...] = Field(min_length=1)
    label_hz: int | None
    context: int = Field(ge=0, le=_LONGEST)
    centre: int = Field(ge=1, le=_LONGEST)
    stride: int = Field(ge=0, le=_LONGEST)


class Windows(Strict):
    """What the card of the windows says: clock frames in a label frame, and in a window."""

    per_label: int = Field(ge=1, le=_LONGEST)
    length: int
    frames: Geometry


class PackedFrames(JobSettings):
    """A run on labels per frame."""

    experiment: str
    model: str
    source: str
    part: str
    seed: int
    range: tuple[float, float] | None
    groups: dict[str, tuple[str, ...]]
    model_settings: SerializeAsAny[Strict]
    training: TrainingSettings
    columns: tuple[str, ...]
    windows: Windows
    label_hz: float = Field(gt=0, le=1000)

    @field_validator("model_settings", mode="before")
    @classmethod
    def _of_the_model(cls, given: Any, info: ValidationInfo) -> Any:
        if (model := info.data.get("model")) not in RANGED:
            raise ValueError(f"the settings of one of {', '.join(RANGED)}; {model!r} is none")
        return RANGED[model].model_validate(given)

    @model_validator(mode="after")
    def _of_one_cut(self) -> PackedFrames:
        ranges = vars(self.model_settings)["ranges"]
        if not len(ranges) == len(self.columns) == len(self.windows.frames.columns):
            raise ValueError(f"a range for each of {len(self.columns)} labels; {len(ranges)}")
        if self.windows.frames.centre % self.windows.per_label:
            raise ValueError(
                f"a centre of whole labels; {self.windows.frames.centre} frames, {self.windows.per_label} a label"
            )
        return self


class PackedItems(ItemRunSettings):
    """The runs on recordings as a whole: what they were told, and what the data decided."""

    dims: dict[str, int]
    steps: int = Field(ge=1, le=_LONGEST)
