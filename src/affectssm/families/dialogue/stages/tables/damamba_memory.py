"""DA-Mamba's memory table: peak memory of a training step and parameters, by window length, against DAT."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from affectssm.errors import DataError
from affectssm.families.dialogue.stages.tables.figure_memory import OOM, draw
from affectssm.families.dialogue.stages.tables.memory_order import conclusion, rivals, setting_of
from affectssm.tables.growth import exponent, span
from affectssm.tables.page import Inputs, Page
from affectssm.tables.published import published_rows
from affectssm.tables.standing import EDITION

COLUMNS = (
    EDITION, "row", "method", "source", "data", "features", "device", "scale", "d_model", "batch", "length",
    "precision", "recompute", "parameters_m", "memory_gb", "input_gb", "limit_gb", "reduction", "reduction_fused",
    "growth", "note",
)  # fmt: skip
TITLE = "Peak memory of a training step by window length"
INTRO = (
    "`published`: as printed in the paper, on its GPU; it does not state the precision. `measured`: a training step "
    "here, the larger of two (the first makes the optimiser's state), on random numbers: on a GPU the most that was "
    "allocated, on a CPU the most that was resident beyond what the process held before the step; weights, gradients, "
    "the optimiser's state, the weights' average, the batch (`input_gb`: its features as they are stored, 25 rows a "
    "second) and the activations. "
    "1 GB = 1e9 bytes. `length` in frames, `batch` in windows of a target and one partner (half the batch, about half "
    "the activations), `recompute`: what is computed a second time in the backward pass and not kept, `parameters_m` "
    "in millions. `reduction` in percent of the memory of DAT with plain attention, `reduction_fused` with fused, at "
    "the same batch, length, precision and recomputation, where both fit: below zero, DA-Mamba takes more. `growth`: "
    "the exponent p of memory ~ length^p, a line through the logarithms, where memory is what is left without the "
    "weights and the four numbers that are kept of each; linear growth has 1, quadratic 2. Parameters of DAT: the "
    "paper counts 42.5 million, the released code has two configurations, M of 66.8 and L of 114.0 million, neither of "
    "which is that; what is measured is M, with as many positions as the window has frames. At other scales than the "
    "paper's the widths `d_model` of the two models are not its own."
)
PUBLISHED = {
    "row": "published",
    "source": "published",
    "data": "real",
    "device": "NVIDIA RTX 4090",
    "scale": "paper",
    "batch": "128",
}
ORIGIN = "DA-Mamba paper, memory and efficiency analysis; card and batch as in its training setup"
OF_A_WEIGHT = 5 * 4  # bytes: itself, its gradient, AdamW's two moments, its moving average
Found = Mapping[str, Any]


def page(inputs: Inputs) -> Page:
    """The table: eight published rows, then the measured ones, then how memory grows.

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
        intro=f"{INTRO}\n\n{conclusion(measured['rows'])}",
        columns=COLUMNS,
        keys=("row", "method", *COLUMNS[6:-1]),
        numbers=(),
        rows=rows,
        origins=[{"measurement": measured["card"]}],
        draw=partial(draw, TITLE, rows),
    )


def measured_rows(found: Sequence[Found], titles: Mapping[str, str]) -> list[dict[str, str]]:
    """The rows of a measurement, with DA-Mamba's reduction against DAT, and of every method how its memory grows."""
    theirs, whole = (
        rivals(found),
        {_of(row): row["peak_bytes"] for row in found if row["recompute"] == "none"},
    )
    rows = [_row(row, theirs.get(setting_of(row), {}), whole.get(_of(row)), titles) for row in found]
    return rows + list(_growth(found, titles))


def _of(row: Found) -> tuple[Any, ...]:
    """A row's model and setting, but for recomputation."""
    return row["model"], row["attention"], *setting_of(row)[:-1]


def _shared(found: Found, titles: Mapping[str, str]) -> dict[str, str]:
    attention = f", {found['attention']} attention" if found["attention"] else ""
    return {
        "method": titles[found["model"]] + attention,
        "source": "measured",
        "data": "synthetic",
        "features": "multimediate: " + "+".join(found["features"]),
        "device": found["device"],
        "scale": found["scale"],
        "d_model": str(found["d_model"]),
        "batch": str(found["batch"]),
        "precision": found["precision"],
        "recompute": found["recompute"],
    }


def _row(
    found: Found, dat: Mapping[str, int | None], whole: int | None, titles: Mapping[str, str]
) -> dict[str, str]:
    peak = found["peak_bytes"]
    row = {
        **_shared(found, titles),
        "row": found["part"],
        "length": str(found["length"]),
        "parameters_m": f"{found['parameters'] / 1e6:.4f}",
        "memory_gb": OOM if peak is None else f"{peak / 1e9:.4f}",
        "input_gb": f"{found['input_bytes'] / 1e9:.4f}",
        "limit_gb": "" if found["limit_gb"] is None else f"{found['limit_gb']:g}",
    }
    if found["model"] == "da_mamba" and peak is not None:
        for attention, column in (("plain", "reduction"), ("fused", "reduction_fused")):
            if other := dat.get(attention):
                row[column] = f"{100 * (1 - peak / other):.1f}"
    row["note"] = "; ".join(_notes(found, dat, whole))
    return row


def _notes(found: Found, dat: Mapping[str, int | None], whole: int | None) -> Iterator[str]:
    if found["kind"] == "cuda":
        yield "most allocated on the GPU"
    else:
        yield "most resident, less what was before the step"
    if found["scale"] != "paper":
        yield f"{found['scale']} scale: says nothing about the paper's numbers"
    if found["why"]:
        yield f"out of memory: {found['why']}"
    if found["recompute"] != "none" and whole and found["peak_bytes"]:
        yield f"{found['peak_bytes'] / whole:.0%} of what it takes without recomputation"
    yield from (f"scan backend {name}" for name in found["scan_backends"])
    if found["model"] == "da_mamba":
        if None in dat.values():
            yield "DAT did not fit: no reduction"
    elif found["length"] > found["positions_of_dat"]:
        yield f"DAT's learned positions, {found['positions_of_dat']} in its code, extended to this length"
    elif found["length"] < found["positions_of_dat"]:
        yield f"the first of DAT's {found['positions_of_dat']} learned positions are used"


def _growth(found: Sequence[Found], titles: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A row a method: the exponent over what fits of the lengths that are measured for it."""
    series: dict[str, list[Found]] = {}
    for row in found:
        if row["part"] == "growth":
            series.setdefault(_shared(row, titles)["method"], []).append(row)
    for own in series.values():
        beyond = {
            row["length"]: row["peak_bytes"] - OF_A_WEIGHT * row["parameters"]
            for row in own
            if row["peak_bytes"]
        }
        fits = {length: value for length, value in beyond.items() if value > 0}
        slope = exponent(fits)
        told = {} if slope is None else {"growth": f"{slope:.2f}"}
        note = "no two lengths fit" if slope is None else f"over {span(fits)} frames"
        yield {**_shared(own[0], titles), "row": "exponent", **told, "note": note}
