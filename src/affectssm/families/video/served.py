"""How runs on video answer for videos that are handed over; see :class:`affectssm.families.answering.Answering`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.families.answering import Answering
from affectssm.settings.groups import features_of

ANSWERING = Answering(
    stages=("video/train",),
    reads=("video",),
    model="affectssm.families.video.run_settings:RunSettings",
    features=f"{__name__}:features",
    answer="affectssm.families.video.stages.answer:answer",
    quantities=f"{__name__}:quantities",
    corpora=f"{__name__}:corpora",
    beside=f"{__name__}:beside",
    beside_model="affectssm.families.video.run_settings:Beside",
)


def features(config: Mapping[str, Any]) -> list[str]:
    """Return the features that a run reads."""
    return features_of(config["groups"])


def quantities(config: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return what is answered, with its range."""
    return {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}


def corpora(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the corpus whose labels a run has seen."""
    return ("affwild2",)


def beside(run: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the windows in which a run predicts, which its task's index tells.

    Args:
        run: ``results/runs/{experiment}-{edition}/{part}/{seed}``.
        config: its configuration.

    Raises:
        DataError: when the index is gone.
    """
    from affectssm.store.card import read_card

    edition = run.parents[1].name.removeprefix(config["experiment"])
    kind = "cross" if config["fold"] else "official"
    index = (
        run.parents[3]
        / "windows"
        / f"valence_arousal-{config['source']}-{kind}{edition}"
        / "labelled.parquet"
    )
    card = (read_card(index) if index.is_file() else None) or {}
    told = card.get("settings", {}).get("frames")
    if told is None:
        raise DataError(
            index, "no card of one" if index.is_file() else "no window index", "windows that the run predicts in",
            f"make it again: snakemake --cores 1 {index}",
        )  # fmt: skip
    return {"windows": {"length": told["centre"], "stride": told["stride"] or told["centre"]}}
