"""How runs on own recordings answer for media that are handed over: frame by frame, or for each as a whole.

See :class:`affectssm.families.answering.Answering`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from affectssm.families.answering import Answering
from affectssm.settings.groups import features_of

_HERE = "affectssm.families.recordings"
ANSWERING = (
    Answering(
        stages=("recordings/train",),
        reads=("video", "audio"),
        model=f"{_HERE}.packed_settings:PackedFrames",
        features=f"{__name__}:features",
        answer=f"{_HERE}.stages.answer:answer",
        quantities=f"{__name__}:quantities",
        corpora=f"{__name__}:corpora",
        partners=True,
    ),
    Answering(
        stages=("recordings/train-items",),
        reads=("video", "audio", "transcript"),
        model=f"{_HERE}.packed_settings:PackedItems",
        features=f"{__name__}:item_features",
        answer=f"{_HERE}.stages.items_answer:answer",
        quantities=f"{__name__}:item_quantities",
        corpora=f"{__name__}:corpora",
        sets=f"{__name__}:sets",
        by_item=True,
    ),
)


def features(config: Mapping[str, Any]) -> list[str]:
    """Return the features that a run reads: of its source those that there were."""
    return features_of(config["groups"])


def quantities(config: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return the labels with their ranges, which are those of the corpus or of what was learnt from."""
    ranges = config["model_settings"]["ranges"]
    return {
        name: (float(low), float(high)) for name, (low, high) in zip(config["columns"], ranges, strict=True)
    }


def item_features(config: Mapping[str, Any]) -> list[str]:
    """Return the features that a run reads, of the modalities that there were."""
    return features_of({name: tuple(config["groups"][name]) for name in config["modalities"]})


def item_quantities(config: Mapping[str, Any]) -> dict[str, tuple[float, float] | None]:
    """Return the labels with the range that was set, or the classes, whose probabilities are answered."""
    if config["task"] == "classification":
        return dict.fromkeys((f"class_{value:g}" for value in config["classes"]), (0.0, 1.0))
    limits = config.get("range")
    return dict.fromkeys(config["columns"], (float(limits[0]), float(limits[1])) if limits else None)


def corpora(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the corpus whose labels a run has seen."""
    return ("folder",)


def sets(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the runs of a folder, each of a part and a seed, without those that diverged."""
    lost = set(config.get("diverged", ()))
    return tuple(f"{one['part']}-seed{one['seed']}" for n, one in enumerate(config["runs"]) if n not in lost)
