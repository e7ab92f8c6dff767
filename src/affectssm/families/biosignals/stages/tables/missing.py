"""BiM-TTA's table with missing data: what test-time adaptation improves, published beside measured.

A measured row is a method on a pattern of missing data, always on the same trained BiMamba-TTA, masks and streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

from affectssm.errors import DataError
from affectssm.families.biosignals.stages.tables.adaptation import (
    CONSTANTS,
    STREAMED,
    adaptation_columns,
    adaptation_notes,
    ratios_of,
)
from affectssm.families.biosignals.stages.tables.figure import draw
from affectssm.families.biosignals.stages.tables.measured import (
    Measured,
    by_target,
    origins_of,
    ratio_text,
    read_experiments,
)
from affectssm.families.biosignals.stages.tables.rows import TARGETS, measured_row, scale_notes
from affectssm.tables.page import Inputs, Page, Section, score_columns
from affectssm.tables.published import published_rows
from affectssm.tables.rows import number

PAPER_RATIOS = (0.2, 0.4, 0.6, 0.8)
NONE = "none"
TITLE = "Test-time adaptation to missing data: improvement of accuracy on DEAP and MAHNOB-HCI, in points"
INTRO = (
    "`published`: as printed in the paper. `measured`: computed here; accuracy of BiMamba-TTA with the method minus "
    "that without, on the same segments with the same gaps, in points (100 times accuracy); mean over the ratios of "
    "missing data, subjects and seeds ± sd over seeds [95 % interval over subjects, from six on, paired]. `setting`: "
    "what goes missing as a whole; `nothing` is the control, whole streams, on which nothing should be gained. An "
    "interval that contains 0 shows no effect. `units`: subjects, counted once a target."
)


def page(inputs: Inputs) -> Page:
    """The table: five published rows, then a measured one a pattern and method."""
    measured = read_experiments(inputs)
    own = next(iter(by_target(measured).values()))
    settings = inputs.settings
    pairs = [(pattern, method) for pattern in ratios_of(settings) for method in settings["methods"]]
    rows = published_rows("bimtta_missing") + [
        _row(pattern, method, own, inputs) for pattern, method in pairs
    ]
    # the ratios that have columns: the paper's, others that are configured, and 0 for the control
    ratios = sorted({*PAPER_RATIOS, *chain.from_iterable(ratios_of(settings).values())})
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=columns(ratios),
        keys=("setting", "method", "source", "data"),
        numbers=tuple(TARGETS),
        rows=rows,
        origins=origins_of(measured),
        draw=partial(draw, TITLE, own, settings),
        sections=[*(_by_ratio(target, own[target], settings) for target in own), _streams(rows)],
    )


def columns(ratios: Sequence[float]) -> tuple[str, ...]:
    """The columns of the CSV."""
    by_ratio = [name for target in TARGETS for ratio in ratios for name in ratio_columns(target, ratio)]
    return score_columns(tuple(TARGETS), ("setting",), (*by_ratio, *STREAMED, *CONSTANTS))


def ratio_columns(target: str, ratio: float) -> tuple[str, str]:
    """The columns of one ratio: improvement in points, and accuracy."""
    return f"{target}_at_{ratio_text(ratio)}", f"{target}_accuracy_{ratio_text(ratio)}"


def _row(pattern: str, method: str, own: Mapping[str, Measured], inputs: Inputs) -> dict[str, str]:
    settings = inputs.settings
    ratios = ratios_of(settings)[pattern]
    wanted = (
        ("accuracy", method, pattern, ratios[0]) if method == NONE else ("improvement", method, pattern, None)
    )
    summaries = {target: one.summary(*wanted) for target, one in own.items()}
    if absent := [target for target, summary in summaries.items() if not summary]:
        raise DataError(
            inputs.where, f"{', '.join(absent)}: no numbers of {method} with {pattern} missing",
            "every method and pattern of the settings", "adapt and evaluate again",
        )  # fmt: skip
    corpora = {one.experiment.corpus for one in own.values()}
    model = next(iter(own.values())).experiment.model
    remarks = [
        *scale_notes(model, settings, corpora),
        *adaptation_notes(pattern, method, own, settings, summaries),
        *_planted(corpora, inputs),
    ]
    row = measured_row(settings["titles"][method], own, summaries, inputs, remarks, printed=method != NONE)
    row["setting"] = pattern
    for target, one in own.items():
        for ratio in ratios:
            improvement, accuracy = ratio_columns(target, ratio)
            row[improvement] = number(one.summary("improvement", method, pattern, ratio).get("value"))
            row[accuracy] = number(one.summary("accuracy", method, pattern, ratio).get("value"))
    return row | adaptation_columns(pattern, method, own, settings)


def _planted(corpora: set[str], inputs: Inputs) -> list[str]:
    """Of demos: which drift between a subject's visits, and which do not."""
    drifts = {
        corpus: oracle["law"]["visit_drift"][corpus]
        for corpus, oracle in sorted((inputs.oracle or {}).items())
        if "visit_drift" in oracle["law"]
    }
    words = {True: "drift between two visits", False: "no drift between trials learnt from and tested"}
    demos = corpora & set(inputs.settings["demo"])
    return [f"planted in {name}: {words[bool(drift)]}" for name, drift in drifts.items() if name in demos]


def _by_ratio(target: str, one: Measured, settings: Mapping[str, Any]) -> Section:
    """Accuracy and improvement at every ratio, for people."""
    streams = ratios_of(settings)
    ratios = sorted(set(chain.from_iterable(streams.values())))

    def cell(method: str, pattern: str, ratio: float) -> str:
        if ratio not in streams[pattern]:
            return "–"
        accuracy = one.summary("accuracy", method, pattern, ratio).get("value", float("nan"))
        gain = one.summary("improvement", method, pattern, ratio).get("value")
        return f"{accuracy:.2f}" + ("" if gain is None else f" ({gain:+.1f})")

    lines = [
        [pattern, settings["titles"][method], *(cell(method, pattern, ratio) for ratio in ratios)]
        for pattern in streams
        for method in settings["methods"]
    ]
    header = ["setting", "method", *(ratio_text(ratio) for ratio in ratios)]
    return Section(f"{TARGETS[target]} by ratio: accuracy (improvement in points)", header, lines)


def _streams(rows: Sequence[Mapping[str, str]]) -> Section:
    """What the methods did, for people."""
    shown = ("setting", "method", *STREAMED, *CONSTANTS)
    measured = [row for row in rows if row["source"] == "measured"]
    lines = [[row.get(name, "") for name in shown] for row in measured]
    return Section(
        "The streams: totals (and means of the shares and the entropy) over folds, ratios, seeds and targets",
        shown,
        lines,
    )
