"""Where every measured row comes from: code, settings, inputs, weights, seeds and package versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectssm.tables.measured import Measured

_OF_A_CARD = ("id", "stage", "code", "settings", "inputs", "packages", "python", "host", "written", "wall_s")


def origins(rows: Sequence[Measured]) -> list[dict[str, Any]]:
    """Where each measured row comes from, for ``{table}.provenance.json``."""
    return [_of_row(measured) for measured in rows]


def _of_row(measured: Measured) -> dict[str, Any]:
    runs = measured.card["extra"]["runs"]
    return {
        "experiment": measured.experiment.name,
        "seeds": [run["extra"]["seed"] for run in runs],
        "evaluation": _core(measured.card),
        "runs": [_of_run(run) for run in runs],
    }


def _of_run(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """A run's prediction card, with the card of its training inside."""
    training = prediction["extra"].get("run", {})
    return {
        "fold": prediction["extra"]["fold"],
        "seed": prediction["extra"]["seed"],
        "prediction": _core(prediction),
        "training": {**_core(training), "features": training.get("extra", {}).get("features", {})},
    }


def _core(card: Mapping[str, Any]) -> dict[str, Any]:
    return {key: card[key] for key in _OF_A_CARD if key in card}
