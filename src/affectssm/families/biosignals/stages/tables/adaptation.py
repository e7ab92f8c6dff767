"""What the rows of an adaptation say beside their scores: what the methods did, with which constants, on whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affectssm.adaptation.patterns import NOTHING, streams_of
from affectssm.families.biosignals.stages.tables.measured import Measured, ratio_text
from affectssm.families.biosignals.stages.tables.rows import Summaries, named
from affectssm.settings.segments import MissingSettings
from affectssm.tables.rows import number

TOTALS = ("batches", "updates", "used", "refused")
MEANS = {"majority_share": "majority_share", "entropy": "mean_entropy", "collapsed": "collapsed"}
STREAMED = (*TOTALS, *MEANS)
CONSTANTS = ("learning_rate", "entropy_margin", "scored", "stream")
ENTROPY_OF = {
    "modalities": "entropy within modalities: of the answers of a segment's own modalities, not of the joint one",
    "joint": "entropy of the joint answer; its authors take it within a modality",
}
ALMOST = (
    0.02  # the draw alone may miss the ratio by as much; what always stays takes more where units are few
)


def ratios_of(settings: Mapping[str, Any]) -> dict[str, list[float]]:
    """What goes missing in the streams of a table, the control last -> at which ratios (0 of the control)."""
    found: dict[str, list[float]] = {}
    for pattern, ratio in streams_of(MissingSettings.model_validate(settings["missing"])):
        found.setdefault(pattern, []).append(ratio)
    return found


def adaptation_columns(
    pattern: str, method: str, own: Mapping[str, Measured], settings: Mapping[str, Any]
) -> dict[str, str]:
    """The columns of a method on a pattern: totals and means over the streams of all targets, and its constants.

    Args:
        pattern: what goes missing as a whole.
        method: a key of :data:`affectssm.vocabulary.methods.METHODS`.
        own: target -> metrics.
        settings: of the table.
    """
    found = [one.streams[method, pattern] for one in own.values() if (method, pattern) in one.streams]
    row = {name: f"{sum(stream[name] for stream in found):.0f}" if found else "" for name in TOTALS}
    weights = [stream["streams"] for stream in found]
    for column, name in MEANS.items():
        row[column] = number(float(np.average([s[name] for s in found], weights=weights))) if found else ""
    adaptation = settings["adaptation"]
    return row | {
        "learning_rate": _constant("learning_rate", method, own, settings),
        "entropy_margin": _constant("entropy_margin", method, own, settings),
        "scored": adaptation["predict"],
        "stream": "episodic" if adaptation["episodic"] else "online",
    }


def _constant(name: str, method: str, own: Mapping[str, Measured], settings: Mapping[str, Any]) -> str:
    """A constant as chosen on each corpus, else as configured; "" for a method without it."""
    configured = settings["adaptation"].get(method, {}).get(name)
    found = {}
    for one in own.values():
        value = one.choice.get("chosen", {}).get(method, {}).get(name, configured)
        if value is not None:
            found[one.experiment.corpus] = f"{value:g}"
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return "; ".join(f"{corpus}: {value}" for corpus, value in found.items())


def adaptation_notes(
    pattern: str,
    method: str,
    own: Mapping[str, Measured],
    settings: Mapping[str, Any],
    improvements: Summaries,
) -> list[str]:
    """What a reader must know about a method on a pattern."""
    ratios = ratios_of(settings)[pattern]
    found = [f"ratios {', '.join(map(ratio_text, ratios))}"]
    if pattern == NOTHING:
        found = ["control: whole streams, nothing is missing and nothing should be gained"]
    if really := _really_missing(pattern, own, ratios):
        found.append(f"really missing {really}: where a segment would lose everything, one {pattern} stays")
    found += _choice_notes(own)
    if method == "none":
        return [*found, "no adaptation: what the others are compared with"]
    if method == "tltta":
        found.append(ENTROPY_OF[settings["adaptation"]["tltta"]["entropy_of"]])
    return found + _effect_notes(improvements)


def _really_missing(pattern: str, own: Mapping[str, Measured], ratios: list[float]) -> str:
    """Shares of missing units that differ from their ratio, by corpus."""
    by_corpus = {one.experiment.corpus: one.shares for one in own.values()}
    texts = []
    for corpus, shares in by_corpus.items():
        known = [(ratio, shares.get((pattern, ratio_text(ratio)))) for ratio in ratios]
        off = [f"{s:.2f} at {ratio_text(r)}" for r, s in known if s is not None and r - s > ALMOST]
        texts += [f"{', '.join(off)} ({corpus})"] if off else []
    return ", ".join(texts)


def _choice_notes(own: Mapping[str, Measured]) -> list[str]:
    choices = {one.experiment.corpus: one.choice for one in own.values()}
    left_out = sorted(
        {name for choice in choices.values() for name in choice.get("development_subjects", ())}
    )
    reasons = {choice["reason"]: None for choice in choices.values() if choice.get("reason")}
    who = f"without the development subjects {', '.join(left_out)}, who chose the constants"
    return [who] * bool(left_out) + list(reasons)


def _effect_notes(improvements: Summaries) -> list[str]:
    """Which intervals show no effect."""
    within = [target for target, summary in improvements.items() if summary["low"] <= 0 <= summary["high"]]
    return [f"{named(within)}: the interval contains 0, no effect shown"] if within else []
