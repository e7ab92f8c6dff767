"""How runs on bio-signals answer for recordings that are handed over; see
:class:`affectssm.families.answering.Answering`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.families.answering import Answering
from affectssm.vocabulary.methods import METHODS

NEEDS_TRAINING_DATA = ("eata",)
ANSWERING = Answering(
    stages=("training/trials",),
    reads=("signals",),
    model="affectssm.families.biosignals.run_settings:RunSettings",
    features=f"{__name__}:features",
    answer="affectssm.families.biosignals.stages.answer:answer",
    quantities=f"{__name__}:quantities",
    corpora=f"{__name__}:corpora",
    sets=f"{__name__}:sets",
    beside=f"{__name__}:beside",
    beside_model="affectssm.families.biosignals.run_settings:Beside",
    adapts=tuple(name for name in METHODS if name not in NEEDS_TRAINING_DATA),
    by_item=True,
)


def features(config: Mapping[str, Any]) -> list[str]:
    """Return the features that a run reads: its modalities."""
    return list(config["modalities"])


def quantities(config: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return what is answered, with its range: the probability of a high rating, and the class, 1 for high."""
    return dict.fromkeys(names(config["dimension"]), (0.0, 1.0))


def names(dimension: str) -> tuple[str, str]:
    """Return the columns of a dimension's probability and class."""
    return f"{dimension}_high", f"{dimension}_class"


def corpora(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the corpus whose labels a run has seen."""
    return (config["corpus"],)


def sets(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the folds that a run trained, each with weights of its own."""
    return tuple(config["folds"])


def beside(run: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the trials that a run learnt from were cut, and what adapts it.

    Args:
        run: ``results/runs/{experiment}-{edition}/{part}/{seed}``.
        config: its configuration.

    Raises:
        DataError: when the segments are gone.
    """
    from affectssm.settings.adaptation import AdaptationSettings
    from affectssm.store.card import read_card

    edition = run.parents[1].name.removeprefix(f"{config['experiment']}-")
    results, corpus = run.parents[3], f"{config['corpus']}-{edition}"
    folder = results / "segments" / corpus
    cards = (read_card(path) for path in sorted(folder.glob("[!.]*.h5")))
    cut = next((card for card in cards if card), None)
    if cut is None:
        raise DataError(
            folder, "no segments", "those that the run learnt from, which say how they were cut",
            "make them again with the run's table, and pack then",
        )  # fmt: skip
    adapted = run / "adapted.parquet"
    told = (read_card(adapted) if adapted.is_file() else None) or {}
    constants = told.get("settings", {}).get("adaptation") or AdaptationSettings().model_dump(mode="json")
    return {"epochs": cut["settings"], "adaptation": constants, "chosen": _chosen(results, corpus)}


def _chosen(results: Path, corpus: str) -> dict[str, Any]:
    """Return what development subjects chose for the methods; nothing where nobody did."""
    try:
        found = json.loads((results / "choices" / corpus / "chosen.json").read_text(encoding="utf-8"))
        return dict(found["chosen"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
