"""Rows of experiments on clips, described so that nothing is passed off."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affectssm.families.clips.stages.tables.measured import Measured, compared_with, difference
from affectssm.tables.page import Inputs
from affectssm.tables.rows import (
    counts_of,
    exchange_notes,
    gap_notes,
    has_interval,
    method_notes,
    no_interval,
    number,
    scale_note,
    score_cells,
)

COMPUTED = "extracted"  # the source of features that networks compute here from clips
UNIT = "source video"
VARIANTS = {
    "": "full",
    "exchanged": "labels exchanged between clips",
    "only": "{} alone",
    "without": "without {}, learnt and tested",
    "at_test": "without {} at test alone",
    "coupling": "coupled, {}",
    "dt_rank": "dt_rank {}",
    "d_state": "d_state {}",
    "tuned": "text encoder tuned",
}
Setting = Callable[[Measured, str, Mapping[str, Any]], str]
"""An experiment, what was left out at test, and the settings of the table -> what stands in the column ``setting``."""


@dataclass(frozen=True)
class Shape:
    """What the measured rows of a table are made of.

    Attributes:
        metrics: that have columns.
        main: the metric whose paired difference is told.
        setting: what sets rows apart.
    """

    metrics: Sequence[str]
    main: str
    setting: Setting


def variant_words(variant: str) -> str:
    """A variant in words: ``dt_rank_8`` is "dt_rank 8"."""
    name = next((name for name in VARIANTS if name and variant.startswith(name)), "")
    return VARIANTS[name].format(variant.removeprefix(name).removeprefix("_"))


def by_source(one: Measured, left_out: str, settings: Mapping[str, Any]) -> str:
    """The source of the features."""
    return one.source


def by_variant(one: Measured, left_out: str, settings: Mapping[str, Any]) -> str:
    """What is changed of the model, or left out at test."""
    return variant_words(f"at_test_{left_out}" if left_out else one.variant)


def by_size(name: str) -> Setting:
    """A number of the model: that of a variant, or the configured one."""

    def setting(one: Measured, left_out: str, settings: Mapping[str, Any]) -> str:
        configured = settings["model_settings"][one.model][name]
        return variant_words(one.variant or f"{name}_{configured}")

    return setting


def by_fusion(one: Measured, left_out: str, settings: Mapping[str, Any]) -> str:
    """How modalities are brought together."""
    if not one.model.startswith("coupled"):
        return one.model.removesuffix("_fusion")
    return variant_words(one.variant or f"coupling_{settings['model_settings'][one.model]['coupling']}")


def measured_row(
    one: Measured, left_out: str, measured: Sequence[Measured], shape: Shape, inputs: Inputs
) -> dict[str, str]:
    """Return a measured row, as text.

    Args:
        one: its experiment.
        left_out: at test.
        measured: all experiments of the table, the one it is compared with among them.
        shape: of the table.
        inputs: of the table.
    """
    settings, own = inputs.settings, one.of(left_out)
    weights = settings["weights"] if one.source == COMPUTED else "supplied"
    row = {
        "method": settings["titles"][one.model] + f", {VARIANTS['tuned']}" * (one.variant == "tuned"),
        "source": "measured",
        "data": "demo" if one.corpus in settings["demo"] else "real",
        "weights": weights,
        "features": f"{one.source}: " + "+".join(settings["features"][one.source]),
        "split": "test",
        "corpus": one.corpus,
        "setting": shape.setting(one, left_out, settings),
    }
    there = [name for name in shape.metrics if name in own]
    for name in there:
        row |= score_cells(name, own[name])
    first = own[shape.main]
    row |= counts_of([first]) | {"n_videos": str(first["n_units"])}
    notes = [
        scale_note({one.corpus}, settings, weights),
        *_reasons({name: own[name] for name in there}),
        *method_notes(UNIT, [own[name] for name in there]),
    ]
    compared, remarks = _difference(one, left_out, measured, shape.main)
    if one.variant == "exchanged":
        remarks += _exchanged(one, shape.main)
    return row | compared | {"note": "; ".join([*notes, *remarks, *gap_notes(one.missing, inputs.faults)])}


def _by_video(summary: Mapping[str, Any]) -> dict[str, Any]:
    """A summary that counts videos, over which intervals are, and not clips."""
    return {**summary, "n_used": summary["n_units"], "missing": []}


def _reasons(own: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Why metrics have no number or no interval; what is so of all of them is said once."""
    found = {name: row["reason"] or no_interval(_by_video(row), UNIT) for name, row in own.items()}
    if len(set(found.values())) == 1:
        return [why for why in set(found.values()) if why]
    whys: dict[str, list[str]] = {}
    for name, why in found.items():
        whys.setdefault(why, []).append(name)
    return [f"{', '.join(names)}: {why}" for why, names in whys.items() if why]


def _difference(
    one: Measured, left_out: str, measured: Sequence[Measured], main: str
) -> tuple[dict[str, str], list[str]]:
    """The columns of the difference from Coupled Mamba, and what is to be known of it."""
    base = compared_with(one, measured)
    if base is None or (base is one and not left_out):
        return {}, []
    found = difference(one, base, (left_out, main))
    if not found:
        return {}, ["no difference from Coupled Mamba, which answered other clips"]
    keys = {f"diff_{main}": "value", f"diff_{main}_low": "low", f"diff_{main}_high": "high"}
    columns = {column: number(found[key]) for column, key in keys.items()}
    crosses = has_interval(found) and found["low"] <= 0 <= found["high"]
    return columns, ["the interval of the difference contains 0, none shown"] * crosses


def _exchanged(one: Measured, main: str) -> list[str]:
    """What a model that learnt nothing would score, and what the interval of exchanged labels leaves out."""
    values = list(one.by_seed["", main].values())
    constant = one.summaries["", f"{main}_constant"]["value"]
    found = [f"always the best same answer would score {main} {number(constant)}"]
    return found + (exchange_notes(values, main, UNIT) if all(map(math.isfinite, values)) else [])
