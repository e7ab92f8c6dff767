"""Rows of a table that were computed here, described so that nothing is passed off."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from affectssm.errors import UnexpectedError
from affectssm.evaluation.intervals import MIN_UNITS
from affectssm.store.faults import Fault
from affectssm.tables.page import metric_columns

DECIMALS = 4
SUBJECT_MISSING = "subject_missing"  # the fault of a subject whom a discovery leaves out whole


def number(value: float | None) -> str:
    """A number with fixed decimals, so that the CSV is the same bytes every time; "" where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.{DECIMALS}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def score_cells(name: str, summary: Mapping[str, Any]) -> dict[str, str]:
    """The columns of one metric, of a summary row; empty for none."""
    keys = ("value", "sd", "low", "high")
    return {column: number(summary.get(key)) for column, key in zip(metric_columns(name), keys, strict=True)}


def counts_of(summaries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The seeds and the units of a row, which count once a metric."""
    return {
        "n_seeds": str(max((summary["n_seeds"] for summary in summaries), default=0)),
        "n_units": str(sum(summary["n_used"] for summary in summaries)),
        "n_expected": str(sum(summary["n_expected"] for summary in summaries)),
    }


def scale_note(corpora: AbstractSet[str], settings: Mapping[str, Any], weights: str = "none") -> str:
    """A row's scale, and what else keeps it from speaking of the papers: random weights, demo data (of what)."""
    demo = sorted(corpora & set(settings["demo"]))
    partly = "" if set(demo) == corpora else f" ({', '.join(demo)})"
    found = [f"{settings['scale']} scale"]
    found += ["random weights"] if weights == "random" else []
    found += [f"demo data{partly}"] if demo else []
    text = ", ".join(found)
    return text if found == ["paper scale"] else f"{text}: says nothing about the papers' numbers"


def gap_notes(missing: Sequence[str], faults: Sequence[Fault]) -> list[str]:
    """What is missing from a row, who is not counted, and how many faults the data has, unexpected ones among them."""
    found = ["incomplete, without " + ", ".join(missing)] if missing else []
    lost = sorted(
        {f"{fault.corpus} {fault.participant}" for fault in faults if fault.code == SUBJECT_MISSING}
    )
    if lost:
        found.append(f"not counted, since no trial of theirs can be used: {', '.join(lost)}")
    if faults:
        found.append(f"{len(faults)} fault{'s' * (len(faults) != 1)} in the data, listed beside the table")
    unexpected = {
        (fault.corpus, fault.recording, fault.participant, fault.stream)
        for fault in faults
        if fault.code == UnexpectedError.code
    }
    if unexpected:
        found.append(f"{len(unexpected)} file{'s' * (len(unexpected) != 1)} with unexpected errors")
    return found


def has_interval(summary: Mapping[str, Any]) -> bool:
    """Whether a summary row, which may be empty, has an interval."""
    return math.isfinite(summary.get("low", math.nan))


def no_interval(summary: Mapping[str, Any], unit: str) -> str:
    """Why a number has no interval; "" where it has one."""
    if has_interval(summary):
        return ""
    count = summary["n_used"]
    if count < MIN_UNITS:
        few = f"few {unit}s, {count} of them whole"
        counted = few if summary.get("missing") else f"{count} {unit}{'s' * (count != 1)} only"
        return f"over {counted}, no interval below {MIN_UNITS}"
    return f"no interval, since the {unit}s are alike or it is undefined without one of them"


def method_notes(unit: str, summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the intervals among some numbers were made; nothing where there are none."""
    there = any(map(has_interval, summaries))
    return [f"95 % intervals: jackknife over {unit}s, Student's t"] if there else []


def exchange_notes(values: Sequence[float], what: str, unit: str) -> list[str]:
    """What an interval over units leaves out where runs learn exchanged labels; nothing of a single run.

    Args:
        values: of the runs.
        what: they are.
        unit: of the intervals.
    """
    if len(values) < 2:
        return []
    error = statistics.stdev(values) / math.sqrt(len(values))
    return [
        f"every exchange leaves ties by chance, in either direction: over {len(values)} of them {what} is "
        f"{number(statistics.mean(values))} with a standard error of {number(error)}, which an interval over {unit}s "
        "lacks"
    ]
