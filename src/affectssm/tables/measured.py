"""Whether what was measured is all that a table is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.tables.page import Inputs


def described_in(
    path: Path, row: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Return the name of the experiment of a metrics row, and what the table is told of it.

    Raises:
        DataError: when that is nothing.
    """
    name, described = row["experiment"], settings["described"]
    if name not in described:
        raise DataError(path, f"metrics of {name}", f"one of {', '.join(described)}", "leave the file out")
    return name, described[name]


def in_order(found: Mapping[str, Any], inputs: Inputs) -> list[Any]:
    """What was found by experiment, in the order of the settings' experiments.

    Raises:
        DataError: when one is absent.
    """
    names = inputs.settings["experiments"]
    if absent := [name for name in names if name not in found]:
        raise DataError(
            inputs.where, f"no metrics of {', '.join(absent)}", "one of each experiment", "run evaluate"
        )
    return [found[name] for name in names]


def require_complete(missing: Mapping[str, Sequence[str]], inputs: Inputs, unit: str) -> None:
    """Refuse gaps that the settings do not allow.

    Args:
        missing: experiment -> the units it lacks, by name.
        inputs: of the table.
        unit: recording or subject.

    Raises:
        DataError: naming every unit.
    """
    gaps = [f"{name}: {', '.join(units)}" for name, units in missing.items() if units]
    if gaps and not inputs.settings["allow_incomplete"]:
        raise DataError(
            inputs.where,
            "missing units: " + "; ".join(gaps),
            f"every {unit} of the manifests scored",
            f"mend the {unit}s (the fault tables say what is wrong), or set tables.allow_incomplete: true",
        )
