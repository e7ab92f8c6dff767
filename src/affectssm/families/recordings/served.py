"""How runs on labels over time answer for media that are handed over; see ``families/answering.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.families.answering import Answering
from affectssm.settings.groups import features_of

ANSWERING = Answering(
    stages=("recordings/train",),
    reads=("video", "audio"),
    model="affectssm.families.recordings.run_settings:FinishedRun",
    features=f"{__name__}:features",
    answer="affectssm.families.recordings.stages.answer:answer",
    quantities=f"{__name__}:quantities",
    corpora=f"{__name__}:corpora",
    partners=True,
)


def features(config: Mapping[str, Any]) -> list[str]:
    """Return the features that a run reads."""
    return features_of(config["groups"])


def quantities(config: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return what is answered, with its range."""
    ranges = config["model_settings"]["ranges"]
    return {
        name: (float(low), float(high)) for name, (low, high) in zip(config["columns"], ranges, strict=True)
    }


def corpora(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the corpus whose labels a run has seen."""
    return ("folder",)
