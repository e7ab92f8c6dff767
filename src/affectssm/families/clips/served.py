"""How runs on clips answer for clips that are handed over; see :class:`affectssm.families.answering.Answering`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectssm.errors import ConfigError, DataError
from affectssm.families.answering import Answering
from affectssm.families.clips.settings import GROUPS
from affectssm.families.clips.stages.modalities import CLASSES, LABEL
from affectssm.settings.groups import features_of

ANSWERING = Answering(
    stages=("clips/train",),
    reads=("video", "audio", "transcript"),
    model="affectssm.families.clips.run_settings:RunSettings",
    features=f"{__name__}:features",
    answer="affectssm.families.clips.stages.answer:answer",
    quantities=f"{__name__}:quantities",
    corpora=f"{__name__}:corpora",
    sets=f"{__name__}:sets",
    beside=f"{__name__}:beside",
    beside_model="affectssm.families.clips.run_settings:Beside",
    by_item=True,
)
RANGES = {"mosei": 3.0}
"""Corpus -> the largest sentiment; of the others it is 1."""


def features(config: Mapping[str, Any]) -> list[str]:
    """Return the features that a run reads, of the modalities that its model sees.

    Raises:
        ConfigError: of a run whose text encoder was tuned, which reads ids of tokens of a corpus's own transcripts.
    """
    if config.get("tuned"):
        raise ConfigError(
            f"experiment {config['experiment']}", "a text encoder that was tuned with the model, which no pack holds",
            "a run on frozen features", "pack the row of the same source without text tuning",
        )  # fmt: skip
    groups = config["cut"]["groups"] if "cut" in config else GROUPS.get(config["source"], {})
    return features_of({name: tuple(groups[name]) for name in config["modalities"] if name in groups})


def quantities(config: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return what is answered, with its range: the sentiment, or the probability of each class."""
    if config["task"] == "classification":
        return dict.fromkeys(CLASSES, (0.0, 1.0))
    most = RANGES.get(config["corpus"], 1.0)
    return {LABEL: (-most, most)}


def corpora(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the corpus whose labels a run has seen."""
    return (config["corpus"],)


def sets(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the seeds that a run trained, without those that diverged."""
    lost = set(config.get("diverged", ()))
    return tuple(f"seed{seed}" for seed in config["seeds"] if seed not in lost)


def beside(run: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the clips that a run learnt from were cut, which their segments tell.

    Args:
        run: ``results/runs/{experiment}-{edition}/seeds-{seeds}``.
        config: its configuration.

    Raises:
        DataError: when the segments are gone.
    """
    from affectssm.store.card import read_card

    edition = run.parent.name.removeprefix(f"{config['experiment']}-")
    folder = run.parents[2] / "segments" / f"{config['corpus']}-{edition}" / config["source"]
    told = next((card for path in sorted(folder.glob("[!.]*.h5")) if (card := read_card(path))), None)
    if told is None:
        raise DataError(
            folder, "no segments", "those that the run learnt from, which say how they were cut",
            "make them again with the run's table, and pack then",
        )  # fmt: skip
    return {"cut": told["settings"]}
