"""Rows of the tables of trials, described so that nothing is passed off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from affectssm.families.biosignals.stages.tables.measured import Measured
from affectssm.tables.page import Inputs
from affectssm.tables.rows import counts_of, gap_notes, method_notes, no_interval, scale_note, score_cells

TARGETS = {
    "deap_valence": "DEAP valence",
    "deap_arousal": "DEAP arousal",
    "mahnob_valence": "MAHNOB valence",
    "mahnob_arousal": "MAHNOB arousal",
}
PROTOCOLS = {
    "within": "{} folds of whole trials within each subject",
    "pooled": "{} folds of whole trials over all subjects together",
    "loso": "leaving one subject out",
}
BLOCKS = ", in blocks of consecutive trials"
Summaries = Mapping[str, Mapping[str, Any]]
"""Target -> summary row; a target that the configuration lacks has none."""


def measured_row(
    method: str,
    own: Mapping[str, Measured],
    summaries: Summaries,
    inputs: Inputs,
    remarks: Sequence[str],
    printed: bool = True,
) -> dict[str, str]:
    """One measured row, as text.

    Args:
        method: its name.
        own: target -> metrics.
        summaries: what stands in the columns of the targets, or, where that is not ``printed``, what the row rests on.
        inputs: of the table.
        remarks: what else its note says, before what is missing.
        printed: whether there are numbers in the columns of the targets.
    """
    settings = inputs.settings
    corpora = {one.experiment.corpus for one in own.values()}
    row = {
        "method": method,
        "source": "measured",
        "data": "demo" if corpora & set(settings["demo"]) else "real",
        "weights": "none",
        "features": features_text(corpora, settings),
        "split": "test",
    }
    for target in TARGETS:
        row |= score_cells(target, summaries.get(target, {}) if printed else {})
    row |= counts_of(list(summaries.values()))  # a subject counts once a target, as its ratings do
    missing = [f"{target} {unit}" for target, one in own.items() for unit in one.missing]
    notes = [*remarks, *cell_notes(summaries), *gap_notes(missing, inputs.faults)]
    row["note"] = "; ".join([scale_note(corpora, settings), *notes])
    return row


def features_text(corpora: set[str], settings: Mapping[str, Any]) -> str:
    """The modalities that models saw, by corpus."""
    return "; ".join(f"{c}: {'+'.join(settings['modalities'][c])}" for c in sorted(corpora))


def cell_notes(summaries: Summaries) -> list[str]:
    """Why a target has no number or no interval, and how intervals were made."""
    absent = [target for target in TARGETS if target not in summaries]
    found = [f"{target}: no {target.partition('_')[0]} in this configuration" for target in absent]
    reasons: dict[str, list[str]] = {}
    for target, summary in summaries.items():
        if not math.isfinite(summary["value"]):
            found.append(f"{target}: {summary['reason']}")
        elif why := no_interval(summary, "subject"):
            reasons.setdefault(why, []).append(target)
    found += [f"{named(targets)}: {why}" for why, targets in reasons.items()]
    return found + method_notes("subject", list(summaries.values()))


def named(targets: Sequence[str]) -> str:
    """Targets in a note."""
    return "all targets" if len(targets) == len(TARGETS) else ", ".join(targets)


def scale_notes(model: str, settings: Mapping[str, Any], corpora: set[str]) -> list[str]:
    """Protocol, length of training and size of the model."""
    protocol, sizes = settings["protocol"], settings["model_settings"][model]
    modalities = [name for corpus in sorted(corpora) for name in settings["modalities"][corpus]]
    size = [f"{name} {sizes[name]}" for name in settings["sizes"][model]]
    if "widths" in sizes:
        widths, other = sizes["widths"], sizes["widths"]["other"]
        named_ = [f"{name} {widths.get(name, other)}" for name in dict.fromkeys(modalities)]
        size.insert(0, "widths " + ", ".join(named_))
    return [
        PROTOCOLS[protocol["protocol"]].format(protocol["folds"]) + BLOCKS * (protocol["deal"] == "blocks"),
        f"{settings['training']['epochs']} passes over the training segments",
        ", ".join(size),
    ]
