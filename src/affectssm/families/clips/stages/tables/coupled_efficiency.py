"""Coupled Mamba's two figures of efficiency as a table: memory and time by length, against a Transformer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from affectssm.errors import DataError
from affectssm.families.clips.stages.tables.figure_efficiency import draw
from affectssm.tables.growth import exponent, span
from affectssm.tables.page import Inputs, Page, Section
from affectssm.tables.published import published_rows
from affectssm.tables.standing import EDITION

QUANTITIES = {
    "inference_gb": "memory of inference",
    "training_gb": "memory of a training step",
    "inference_s": "time of inference",
    "training_s": "time of a training step",
}
METHODS = {
    "coupled_mamba": "Coupled Mamba",
    "attention_plain": "Transformer, plain attention",
    "attention_fused": "Transformer, fused attention",
}
PROPOSED, *PEERS = METHODS
CLAIMED_AT = 500  # steps, of the memory; the time is claimed from 100 to this
CLAIMED_FROM = 100
Values = Mapping[tuple[str, int], Mapping[str, float]]
"""Row of a model and length -> quantity -> value, where it fits."""
COLUMNS = (
    EDITION, "row", "method", "against", "source", "data", "device", "scale", "d_model", "batch", "length",
    "parameters_m", *QUANTITIES, *(f"saved_{name}" for name in QUANTITIES),
    *(f"slope_{name}" for name in QUANTITIES), "limit_gb", "met", "note",
)  # fmt: skip
TITLE = "Memory and time by length: Coupled Mamba against a Transformer with cross-attention"
INTRO = (
    "`measured`: on random numbers, text, audio and vision of one length, models of one width and depth; float32. "
    "Memory (1 GB = 1e9 bytes) is all that a phase needs: weights, batch and activations, in training gradients and "
    "Adam's state; on a GPU the most that was allocated, on a CPU the most that was resident beyond what the process "
    "held before. Time is the smallest of some runs: on a GPU by the clock, on a CPU the process's seconds on one "
    "thread, whatever its neighbours do. `length` in steps, `batch` in clips, `parameters_m` in millions. `saved`: how "
    "much less Coupled Mamba takes, in percent; below zero, more. `growth`: the exponent p of value ~ length^p, a line "
    "through the logarithms over the lengths in the note; linear growth has 1, quadratic 2, less where weights and "
    "libraries, which do not grow, are a part. An empty cell did not fit, see its note."
)


def page(inputs: Inputs) -> Page:
    """The table: the two claims, then what was measured, what Coupled Mamba saves, and how all grows.

    Raises:
        DataError: when there is not one measurement.
    """
    if len(inputs.files) != 1:
        raise DataError(inputs.where, f"{len(inputs.files)} measurements", "one", "run affectssm measure")
    found = json.loads(inputs.files[0].read_text(encoding="utf-8"))
    claims = published_rows("coupled_efficiency", {"source": "published", "device": "NVIDIA V100 32 GB"})
    rows = measured_rows(found["rows"], claims, inputs.settings["scale"])
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=COLUMNS[1:-1],
        numbers=(),
        rows=[*claims, *rows],
        origins=[{"measurement": found["card"]}],
        draw=partial(draw, TITLE, rows, QUANTITIES),
        sections=[claims_section([row for row in rows if row["row"] == "saved"])],
    )


def measured_rows(
    found: Sequence[Mapping[str, Any]], claims: Sequence[Mapping[str, str]], scale: str
) -> list[dict[str, str]]:
    """The rows of a measurement.

    Args:
        found: of efficiency.measure.
        claims: published rows.
        scale: of the configuration.
    """
    values = {(row["model"], row["length"]): _values(row) for row in found}
    rows = [_row(row, values[row["model"], row["length"]], scale) for row in found]
    rows += _saved(values, _claimed(claims))
    rows += [_growth(values, name) for name in dict.fromkeys(row["model"] for row in found)]
    shared = {"source": "measured", "data": "synthetic", "device": found[0]["device"], "scale": scale}
    return [{**shared, **row} for row in rows]


def _values(row: Mapping[str, Any]) -> dict[str, float]:
    """Quantity -> value, of those that fit."""
    found = {}
    for phase in ("inference", "training"):
        if row[f"{phase}_bytes"] is not None:
            found[f"{phase}_gb"] = row[f"{phase}_bytes"] / 1e9
        if row[f"{phase}_s"] is not None:
            found[f"{phase}_s"] = row[f"{phase}_s"]
    return found


def _row(row: Mapping[str, Any], values: Mapping[str, float], scale: str) -> dict[str, str]:
    notes = [f"scan backend {name}" for name in row["scan_backends"]]
    notes += [f"out of memory: {row['why']}"] if row["why"] else []
    notes += [f"{scale} scale: says nothing about the paper's numbers"] if scale != "paper" else []
    return {
        "row": "measured",
        "method": METHODS[row["model"]],
        "d_model": str(row["d_model"]),
        "batch": str(row["batch"]),
        "length": str(row["length"]),
        "parameters_m": f"{row['parameters'] / 1e6:.4f}",
        **{name: f"{value:.4g}" for name, value in values.items()},
        "limit_gb": "" if row["limit_gb"] is None else f"{row['limit_gb']:g}",
        "note": "; ".join(notes),
    }


def _claimed(claims: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """Quantity -> percent that are claimed to be saved."""
    each = [(name, row.get(f"saved_{name}")) for row in claims for name in QUANTITIES]
    return {name: float(text) for name, text in each if text}


def _saved(values: Values, claimed: Mapping[str, float]) -> Iterator[dict[str, str]]:
    """What Coupled Mamba takes less than each peer at each length, and whether that is what is claimed there."""
    for peer in PEERS:
        for (name, length), theirs in values.items():
            own = values.get((PROPOSED, length))
            if name == peer and own is not None:
                saved = {
                    one: 100 * (1 - own[one] / theirs[one])
                    for one in QUANTITIES
                    if one in own and theirs.get(one)
                }
                yield {
                    "row": "saved",
                    "method": METHODS[PROPOSED],
                    "against": METHODS[peer],
                    "length": str(length),
                    **{f"saved_{one}": f"{value:.1f}" for one, value in saved.items()},
                    "met": _met(saved, claimed, length),
                    "note": "; ".join(
                        f"{QUANTITIES[one]}: one of the two did not fit"
                        for one in QUANTITIES
                        if one not in saved
                    ),
                }


def _met(saved: Mapping[str, float], claimed: Mapping[str, float], length: int) -> str:
    """Whether the claims about a length are met, as far as both fit."""
    there = [
        one
        for one in claimed
        if one in saved
        and (length == CLAIMED_AT or (one.endswith("_s") and CLAIMED_FROM <= length < CLAIMED_AT))
    ]
    said = ((one, "yes" if saved[one] >= claimed[one] else "no") for one in there)
    return "; ".join(f"{QUANTITIES[one]} ({claimed[one]:g} %) {word}" for one, word in said)


def claims_section(saved: Sequence[Mapping[str, str]]) -> Section:
    """What became of the claims at their length."""
    lines = [
        [
            row["against"],
            *(row.get(f"saved_{one}") or "-" for one in QUANTITIES),
            row["met"] or "not to be told",
        ]
        for row in saved
        if row["length"] == str(CLAIMED_AT)
    ]
    header = ["against", *(f"% less {words}" for words in QUANTITIES.values()), "claims met"]
    nothing = [["not measured", *("-" for _ in QUANTITIES), "not to be told"]]
    return Section(f"The paper's claims, at length {CLAIMED_AT}", header, lines or nothing)


def _growth(values: Values, method: str) -> dict[str, str]:
    """The exponents of a method, and over which lengths."""
    row = {"row": "growth", "method": METHODS[method]}
    over: dict[str, list[str]] = {}
    for quantity, words in QUANTITIES.items():
        own = ((length, at.get(quantity)) for (name, length), at in values.items() if name == method)
        points = {length: value for length, value in own if value}
        slope = exponent(points)
        if slope is not None:
            row[f"slope_{quantity}"] = f"{slope:.2f}"
            over.setdefault(f"{span(points)} steps", []).append(words)
    alike = len(over) == 1 and len(*over.values()) == len(QUANTITIES)
    notes = [f"over {one}" + (f": {', '.join(words)}" if not alike else "") for one, words in over.items()]
    return {**row, "note": "; ".join(notes) or "no two lengths fit"}
