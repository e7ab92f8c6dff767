"""Where every measured row comes from: code, settings, inputs, weights, seeds and package versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

_OF_A_CARD = ("id", "stage", "code", "settings", "inputs", "packages", "python", "host", "written", "wall_s")


class Scored(Protocol):
    """The metrics of an experiment: its name and the card of their file."""

    @property
    def name(self) -> str: ...

    @property
    def card(self) -> Mapping[str, Any]: ...


def of_prediction(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a run by the card of its prediction, which has the card of its training inside."""
    training = prediction["extra"].get("run", {})
    return {
        "fold": prediction["extra"]["fold"],
        "seed": prediction["extra"]["seed"],
        "prediction": core(prediction),
        "training": {**core(training), "features": training.get("extra", {}).get("features", {})},
    }


def origins(
    rows: Sequence[Scored], of_run: Callable[[Mapping[str, Any]], dict[str, Any]] = of_prediction
) -> list[dict[str, Any]]:
    """Where each measured row comes from, for ``{table}.provenance.json``.

    Args:
        rows: the experiments of the rows.
        of_run: card of what was scored -> what is told of its run, ``seed`` among it.
    """
    found = []
    for one in rows:
        runs = [of_run(card) for card in one.card["extra"]["runs"]]
        seeds = list(dict.fromkeys(run["seed"] for run in runs))  # a seed may have a run a fold
        found.append({"experiment": one.name, "seeds": seeds, "evaluation": core(one.card), "runs": runs})
    return found


def core(card: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a card."""
    return {key: card[key] for key in _OF_A_CARD if key in card}
