"""DA-Mamba's memory table: peak memory of a training step and parameters, by window length, against DAT."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from affectssm.errors import DataError
from affectssm.families.dialogue.stages.tables.figure_memory import draw
from affectssm.tables.page import Inputs, Page
from affectssm.tables.published import published_rows
from affectssm.tables.standing import EDITION

OOM = "OOM"
COLUMNS = (
    EDITION, "method", "source", "data", "features", "device", "scale", "d_model", "batch", "length",
    "parameters_m", "memory_gb", "input_gb", "limit_gb", "reduction", "note",
)  # fmt: skip
TITLE = "Peak memory of a training step by window length"
INTRO = (
    "`published`: as printed in the paper. `measured`: a training step here, the larger of two (the first makes "
    "the optimiser's state), on random numbers: on a GPU the most that was allocated, on a CPU the most that was "
    "resident beyond what the process held before the step; weights, gradients, the optimiser's state, the weights' "
    "average, the batch (`input_gb`: its features as they are stored, 25 rows a second) and the activations. "
    "1 GB = 1e9 bytes. `length` in frames, `batch` in windows of a target and one partner, `parameters_m` in "
    "millions, `reduction` in percent of DAT's memory, where both fit: below zero, DA-Mamba takes more. At other "
    "scales than the paper's the widths `d_model` of the two models are not its own."
)
PUBLISHED = {
    "source": "published",
    "data": "real",
    "device": "NVIDIA RTX 4090",
    "scale": "paper",
    "batch": "128",
}
ORIGIN = "DA-Mamba paper, memory and efficiency analysis; card and batch as in its training setup"


def page(inputs: Inputs) -> Page:
    """The table: eight published rows, then the measured ones.

    Raises:
        DataError: when there is not one measurement.
    """
    if len(inputs.files) != 1:
        raise DataError(
            inputs.where, f"{len(inputs.files)} measurements", "one", "run affectssm memory"
        )  # fmt: skip
    measured = json.loads(inputs.files[0].read_text(encoding="utf-8"))
    rows = published_rows("damamba_memory", PUBLISHED, ORIGIN)
    rows += measured_rows(measured["rows"], inputs.settings["titles"])
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "source", *COLUMNS[5:-1]),
        numbers=(),
        rows=rows,
        origins=[{"measurement": measured["card"]}],
        draw=partial(draw, TITLE, rows),
    )


def measured_rows(found: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> list[dict[str, str]]:
    """The rows of a measurement, with DA-Mamba's reduction against DAT at the same length."""
    peak = {(row["model"], row["length"]): row["peak_bytes"] for row in found}
    return [_row(row, peak.get(("dat", row["length"])), titles) for row in found]


def _row(found: Mapping[str, Any], dat: int | None, titles: Mapping[str, str]) -> dict[str, str]:
    peak = found["peak_bytes"]
    row = {
        "method": titles[found["model"]],
        "source": "measured",
        "data": "synthetic",
        "features": "multimediate: " + "+".join(found["features"]),
        "device": found["device"],
        "scale": found["scale"],
        "d_model": str(found["d_model"]),
        "batch": str(found["batch"]),
        "length": str(found["length"]),
        "parameters_m": f"{found['parameters'] / 1e6:.4f}",
        "memory_gb": OOM if peak is None else f"{peak / 1e9:.4f}",
        "input_gb": f"{found['input_bytes'] / 1e9:.4f}",
        "limit_gb": "" if found["limit_gb"] is None else f"{found['limit_gb']:g}",
    }
    if found["model"] == "da_mamba" and peak is not None and dat is not None:
        row["reduction"] = f"{100 * (1 - peak / dat):.1f}"
    row["note"] = "; ".join(_notes(found, dat))
    return row


def _notes(found: Mapping[str, Any], dat: int | None) -> list[str]:
    how = (
        "most allocated on the GPU"
        if found["kind"] == "cuda"
        else "most resident, less what was before the step"
    )
    notes = [how, "float32"]
    if found["scale"] != "paper":
        notes.append(f"{found['scale']} scale: says nothing about the paper's numbers")
    if found["why"]:
        notes.append(f"out of memory: {found['why']}")
    if found["model"] == "da_mamba":
        notes += [f"scan backend {name}" for name in found["scan_backends"]]
        if dat is None:
            notes.append("DAT did not fit: no reduction")
    elif found["length"] > found["positions_of_dat"]:
        notes.append(
            f"DAT's learned positions, {found['positions_of_dat']} in its code, extended to this length"
        )
    elif found["length"] < found["positions_of_dat"]:
        notes.append(f"the first of DAT's {found['positions_of_dat']} learned positions are used")
    return notes
