"""How runs on dialogues answer for media that are handed over; see :class:`affectssm.families.answering.Answering`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.families.answering import Answering
from affectssm.settings.groups import features_of

ANSWERING = Answering(
    stages=("training/fit", "training/adapt"),
    reads=("video", "audio"),
    model="affectssm.families.dialogue.run_settings:RunSettings",
    features=f"{__name__}:features",
    answer="affectssm.families.dialogue.stages.answer:answer",
    quantities=f"{__name__}:quantities",
    corpora=f"{__name__}:corpora",
    sets=f"{__name__}:sets",
    partners=True,
    alone="a model of conversations, which was given nobody but the person it answers for",
)


def features(config: Mapping[str, Any]) -> list[str]:
    """Return the features that a run reads."""
    return features_of(config["groups"])


def quantities(config: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return what is answered, with its range."""
    return {"engagement": (0.0, 1.0)}


def corpora(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the corpora whose labels a run has seen: of an adapted one those of MPIIGroupInteraction, too."""
    return ("noxi", "mpiigi") if sets(config) else ("noxi",)


def sets(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sessions that an adapted run left out, each with weights of its own."""
    return tuple(config.get("folds", ()))
