"""Own recordings: the section ``corpora.folder``, and how their labels are written down."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from affectssm.settings.base import Strict
from affectssm.settings.corpora import Folder, PlaceSettings
from affectssm.vocabulary.corpora import NO_CORPUS


def _below(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ValueError(f"a path below the root; {path!r}, which is none; give it as it lies below the root")
    return path


Below = Annotated[str, AfterValidator(_below)]


class LabelSettings(Strict):
    """How labels are written down."""

    per: Literal["frame", "item"] = Field(
        "frame",
        description="frame: labels over time, a file a participant; item: one a recording, in the table",
    )
    names: tuple[str, ...] = Field(
        (), description="what is labelled: columns of the files or the table; none: the only one there is"
    )
    range: tuple[float, float] | None = Field(
        None, description="least and largest value, e.g. [0, 1]; what lies outside is masked; null: any"
    )
    values: dict[str, float] = Field(
        {}, description="words of a label and the number of each, e.g. {low: 0, high: 1}; none: numbers"
    )
    time: str = Field(
        "", description="column of times; empty: time, seconds, timestamp, ms, start ... or frame"
    )
    unit: Literal["auto", "s", "ms", "hms"] = Field(
        "auto",
        description="unit of times; auto: as the column's name says (time_ms), 0:01:02.5 by its colons, else s",
    )
    tier: str = Field(
        "",
        description="tier (ELAN), track or track/attribute (ANVIL), or column that holds the values, where it is not "
        "called as names says; {participant} in it stands for the participant's name",
    )
    hz: float | None = Field(
        None, gt=0, le=1000,
        description="labels a second of what has no regular times of its own; null: 25, and the video's rate for lists "
        "of a value a frame",
    )  # fmt: skip
    hold_s: float | None = Field(
        None, gt=0, le=86400,
        description="how long a value holds that is followed by none, in seconds; null: three times the usual step",
    )  # fmt: skip

    @field_validator("values", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for word in value:
            if isinstance(word, bool):  # YAML reads yes, no, on and off so
                raise ValueError(
                    f"words in quotes; {word!r}, as YAML reads yes, no, on and off; write 'yes' in quotes"
                )
        return {str(word) if isinstance(word, int) else word: known for word, known in value.items()}

    @field_validator("range")
    @classmethod
    def _rises(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and value[0] >= value[1]:
            raise ValueError(f"the least and the largest value; {list(value)}; exchange them")
        return value

    @field_validator("names")
    @classmethod
    def _apart(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        small = ["_".join(name.lower().split()) for name in names]
        if len(set(small)) < len(small):
            raise ValueError(f"names that differ by more than letter case and spaces; {list(names)}")
        if len(names) > 1 and "average" in small:
            raise ValueError("other names than average, which is the mean over the labels; rename the label")
        return names

    @model_validator(mode="after")
    def _one_tier(self) -> LabelSettings:
        if self.tier and len(self.names) > 1:
            raise ValueError(
                "one name beside a tier; several; leave tier out, and the tiers are those of the names"
            )
        return self

    def of(self, participant: str) -> LabelSettings:
        """Return the settings as they are for a participant."""
        return self.model_copy(update={"tier": self.tier.replace("{participant}", participant)})

    @property
    def columns(self) -> tuple[str, ...]:
        """What is labelled, in the order of the columns of labels; ``label`` where the settings name nothing."""
        return self.names or ("label",)


class FolderCorpusSettings(PlaceSettings):
    """Where own recordings lie, and what says which there are."""

    root: Folder = Field(NO_CORPUS, description=f"folder of the recordings, or {NO_CORPUS} (there are none)")
    table: Below | None = Field(
        None, description="CSV or Parquet below the root, a line for each participant of a recording"
    )
    pattern: str | None = Field(
        None,
        description="without a table: how media files are called, e.g. '{split}/{recording}_{participant}.*'; null: "
        "each file is a recording of its name",
    )
    label_pattern: str | None = Field(
        None,
        description="without a table: how files of labels are called, e.g. 'labels/{recording}_{participant}.csv'",
    )
    labels: LabelSettings = Field(default_factory=LabelSettings, description="how labels are written down")

    @model_validator(mode="after")
    def _one_way(self) -> FolderCorpusSettings:
        if self.table is not None and (self.pattern is not None or self.label_pattern is not None):
            raise ValueError("a table or patterns; both; delete one of them")
        if self.table is None and self.labels.per == "item":
            raise ValueError("labels of items in a table; no table; set corpora.folder.table")
        return self
