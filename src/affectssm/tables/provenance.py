"""Where every measured row comes from: code, settings, inputs, weights, seeds and package versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

_OF_A_CARD = ("id", "stage", "code", "settings", "inputs", "packages", "python", "host", "written", "wall_s")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Scored(Protocol):
    """The metrics of an experiment: its name and the card of their file."""

    @property
    def experiment(self) -> _Named: ...

    @property
    def card(self) -> Mapping[str, Any]: ...


def origins(rows: Sequence[Scored]) -> list[dict[str, Any]]:
    """Where each measured row comes from, for ``{table}.provenance.json``."""
    return [_of_row(measured) for measured in rows]


def trial_origins(rows: Sequence[Scored]) -> list[dict[str, Any]]:
    """The same for experiments on trials: their runs are parts, and what was answered carries the card of the run."""
    return [
        {
            "experiment": one.experiment.name,
            "seeds": sorted({run["settings"]["seed"] for run in one.card["extra"]["runs"]}),
            "evaluation": _core(one.card),
            "runs": [_of_part(run) for run in one.card["extra"]["runs"]],
        }
        for one in rows
    ]


def _of_part(card: Mapping[str, Any]) -> dict[str, Any]:
    """A part's answers, with the card of its training inside where that is another one (adaptation)."""
    training = card["extra"].get("run")
    found = {"part": card["extra"].get("part", ""), "seed": card["settings"]["seed"], "answers": _core(card)}
    return found | ({"training": _core(training)} if training else {})


def _of_row(measured: Scored) -> dict[str, Any]:
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
