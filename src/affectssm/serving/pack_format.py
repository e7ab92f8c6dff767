"""What lies in a packed model: the names of its members, and what ``index.json`` and ``model.json`` say.

A packed model is a ZIP file whose members are stored as they are. ``index.json`` has the SHA-256 and the size of every
other member. ``model.json`` describes the model, ``config.json`` is the effective configuration of its run,
``card.json`` the card of its checkpoint. Tensors are safetensors files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator

from affectssm.settings.base import Strict

FORMAT = 1
INDEX, MODEL, CONFIG, CARD, README, HISTORY = (
    "index.json", "model.json", "config.json", "card.json", "README.md", "history.csv",
)  # fmt: skip
CHECKPOINT, ENCODER = "checkpoint.safetensors", "encoder.safetensors"
TEXTS = (MODEL, CONFIG, CARD, README, HISTORY)
TENSORS = (CHECKPOINT, ENCODER)
NEEDED = frozenset({MODEL, CONFIG, CARD, README, CHECKPOINT})
LARGEST_TEXT, LARGEST_TENSORS = 32 << 20, 32 << 30
LARGEST = {INDEX: 1 << 20} | dict.fromkeys(TEXTS, LARGEST_TEXT) | dict.fromkeys(TENSORS, LARGEST_TENSORS)
"""Every member there may be -> the most bytes it may have."""
LARGEST_NUMBER, LARGEST_SIZE = 1 << 20, 1 << 14  # columns of a feature; any size of a network
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*(/[A-Za-z0-9][A-Za-z0-9_.+-]*)?")


class Member(Strict):
    """A member of a pack."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)


class Index(Strict):
    """``index.json``: what made the pack, and what it holds."""

    format: int
    affectssm: str
    members: dict[str, Member]


class Wanted(Strict):
    """A feature that a model reads.

    Attributes:
        settings: with which it was made.
        encoder: what its card says of its weights (repository, licence, revision, sha256 by file; or random_seed); {}
            of a feature that no network computes.
        tuned: of an encoder that was trained further and is packed with the model: sha256 of its file, what it saw.
    """

    settings: dict[str, Any]
    encoder: dict[str, Any] = Field(default_factory=dict)
    tuned: dict[str, Any] | None = None

    @field_validator("settings")
    @classmethod
    def _names_are_no_paths(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value.get("tuned") is not None:
            raise ValueError("tuned: none; a tuned encoder is a member of the pack")
        for name, text in texts(value):
            if text and not _PLAIN_NAME.fullmatch(text):
                raise ValueError(f"{name}: letters, digits and one / at most; {text!r}")
        return value


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the key and the text of every text in settings, at any depth."""
    if isinstance(value, str):
        yield name, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from texts(one, f"{name}.{key}" if name else str(key))


class Licence(Strict):
    """What a model inherits a licence of."""

    of: str
    licence: str
    non_commercial: bool


class Description(Strict):
    """``model.json``: whose model it is, what it was trained on, what it reads and answers, and how it scores."""

    family: str
    stage: str
    experiment: str
    edition: str
    part: str
    seeds: tuple[int, ...]
    set: str = ""
    model: str
    title: str
    corpora: tuple[str, ...]
    data: str
    weights: str
    features: dict[str, Wanted]
    tracks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    reads: tuple[str, ...]
    partners: bool
    quantities: dict[str, tuple[float, float] | None]
    adapts: tuple[str, ...] = ()
    by_item: bool = False
    beside: dict[str, Any] = Field(default_factory=dict)
    epoch: int | None = None
    validation: dict[str, float] = Field(default_factory=dict)
    scores: list[dict[str, Any]] = Field(default_factory=list)
    licences: list[Licence] = Field(default_factory=list)
    run: str = Field(description="id of the checkpoint's card")

    @property
    def demo(self) -> bool:
        """Whether its answers mean nothing: it learnt from data that was made here, or random encoders' features."""
        return self.data == "demo" or self.weights == "random"

    @property
    def non_commercial(self) -> bool:
        """Whether something it inherits forbids commercial use."""
        return any(one.non_commercial for one in self.licences)
