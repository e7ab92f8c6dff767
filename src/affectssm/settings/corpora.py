"""Where corpora lie: the section of each, and what those of all have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from affectssm.settings.base import Strict
from affectssm.vocabulary.corpora import (
    AFFWILD2_EDITIONS,
    CORPORA,
    DEMO_EDITIONS,
    NO_CORPUS,
    PHYSIO_EDITIONS,
    SENTIMENT_EDITIONS,
)
from affectssm.vocabulary.targets import load, named


def _named(folder: str) -> str:
    if not folder.strip():  # a path of no characters is the folder one happens to be in
        raise ValueError(f"the name of a folder; {folder!r}, which would be the working folder")
    return folder


Folder = Annotated[str, AfterValidator(_named)]


_RESERVED = re.compile(r"(demo|physio|affwild2|sentiment|none).*|[0-9a-f]{8}", re.IGNORECASE)
"""What other editions are called: the demos, and fingerprints of eight digits."""


def _text(name: Any) -> Any:
    if isinstance(name, int) and not isinstance(name, bool):  # YAML reads 007 as the number 7
        raise ValueError(f"a name in quotes; {name!r}, a number; write '{name}' as the recording is called")
    return name


Name = Annotated[str, BeforeValidator(_text)]


class Exclusion(Strict):
    """What is left out of a corpus: recordings, participants of any recording, or those of some recordings."""

    recordings: tuple[Name, ...] = Field(
        (), description="names of recordings; none: all that have the participants"
    )
    participants: tuple[Name, ...] = Field(
        (), description="names of participants; none: all of the recordings"
    )
    reason: str = Field(min_length=1, description="why, for the table of faults")

    @model_validator(mode="after")
    def _names_something(self) -> Exclusion:
        if not self.recordings and not self.participants:
            raise ValueError(
                "recordings or participants that are left out; neither is named; name them, or delete it"
            )
        return self


class PlaceSettings(Strict):
    """Where a corpus lies: what the settings of all corpora have in common."""

    edition: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")] | None = Field(
        None,
        description="a name for your copy: its files decide, wherever they lie, and up to half of its recordings may "
        "change; null: named by root and settings",
    )
    root: Folder = Field(description="folder of the corpus")
    shards: int = Field(
        1,
        ge=1,
        le=256,
        description="how many shards of about the same length the recordings are spread over; more of them where one "
        "takes longer than a job may",
    )
    checksum: Literal["sha256", "mtime"] = Field(
        "sha256", description="fingerprint files by content (sha256) or by size and modification time (mtime)"
    )

    exclude: tuple[Exclusion, ...] = Field(
        (),
        description="what is left out, each with recordings, participants or both, and a reason, e.g. "
        "[{recordings: [s07], reason: no consent}]",
    )

    @field_validator("edition")
    @classmethod
    def _not_reserved(cls, name: str | None) -> str | None:
        if name is not None and _RESERVED.fullmatch(name):
            raise ValueError(
                "a name that begins neither with demo, physio, affwild2, sentiment nor none, and is no eight hex "
                "digits"
            )
        return name

    @property
    def ground_truth_folder(self) -> str | None:
        """The folder with withheld test labels, where there is one."""
        return getattr(self, "ground_truth", None)

    @property
    def told_of_labels(self) -> dict[str, Any]:
        """What extractors of its labels are told; nothing where the corpus has no settings of labels."""
        labels = getattr(self, "labels", None)
        return labels.model_dump(mode="json") if isinstance(labels, Strict) else {}

    def edition_made(self, demos: Mapping[str, str]) -> str:
        """Return the edition that is made here.

        Args:
            demos: what the root may say -> the edition.
        """
        return demos[self.root]


def _root(demos: Iterable[str]) -> Any:
    words = f"folder of the corpus, {NO_CORPUS} (you do not hold it), or {', '.join(demos)}"
    return Field("demo", description=words)


class CorpusSettings(PlaceSettings):
    """Where one corpus of dialogues lies."""

    root: Folder = _root(DEMO_EDITIONS)
    ground_truth: Folder | None = Field(
        None, description="folder with the withheld test labels, if you have them"
    )
    shards: int = Field(
        2,
        ge=1,
        le=256,
        description="how many shards of about the same length the recordings are spread over; more of them where one "
        "takes longer than a job may; over another number features are copied, training runs again",
    )
    lacks: tuple[Literal["train", "val", "test-base", "test-additional", "test", "labels"], ...] = Field(
        (), description="parts of the corpus that you do not hold, e.g. [test-base]"
    )


class FolderSettings(CorpusSettings):
    """Where one corpus of dialogues lies of which there is no demo."""

    root: Folder = Field(NO_CORPUS, description=f"folder of the corpus, or {NO_CORPUS} (you do not hold it)")


class TrialCorpusSettings(PlaceSettings):
    """Where one corpus of trials of bio-signals lies."""

    root: Folder = _root(PHYSIO_EDITIONS)
    shards: int = Field(1, ge=1, le=256, description="how many shards the subjects are spread over")


class DeapSettings(TrialCorpusSettings):
    """Where DEAP lies, and which of its editions is read."""

    variant: Literal["preprocessed", "original"] = Field(
        "preprocessed", description="the owner's preprocessed .dat files, or the original .bdf recordings"
    )
    lacks: tuple[Literal["ratings"], ...] = Field(
        (), description="parts of the corpus that you do not hold: its table of ratings"
    )

    def edition_made(self, demos: Mapping[str, str]) -> str:
        """Return the edition that is made here."""
        return "physio-original" if self.variant == "original" else super().edition_made(demos)


class AffWild2Settings(PlaceSettings):
    """Where Aff-Wild2 lies."""

    root: Folder = _root(AFFWILD2_EDITIONS)
    lacks: tuple[Literal["train", "val", "test", "crops", "videos"], ...] = Field(
        (), description="parts of the corpus that you do not hold, e.g. [videos]"
    )


class ClipCorpusSettings(PlaceSettings):
    """Where one corpus of clips with a label each lies, in whatever of the owners' forms."""

    root: Folder = _root(SENTIMENT_EDITIONS)


class Corpora(Strict):
    """Where the corpora of some families lie, a section each."""

    @model_validator(mode="after")
    def _editions_are_of_own_roots(self) -> Corpora:
        for corpus in type(self).model_fields:
            settings = getattr(self, corpus)
            if settings.edition is not None and settings.root in CORPORA[corpus].demos:
                raise ValueError(
                    f"{corpus}.edition beside a root of your own; {corpus}.root is {settings.root}, which is made here"
                )
        return self


def settings_class(corpus: str) -> type[PlaceSettings]:
    """The settings of a corpus.

    Raises:
        ConfigError: no such corpus.
    """
    return load(named(CORPORA, corpus, "corpus").settings)
