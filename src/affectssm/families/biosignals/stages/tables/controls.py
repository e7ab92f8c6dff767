"""The controls of the tables of bio-signals: other trials' labels, and what is there to be read at all.

Trained on labels exchanged between trials a model must answer by chance. In the demo an oracle that knows where to
look says how far a reader can come, and what it is worth to know the planted drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from affectssm.families.biosignals.stages.tables.accuracy import WORDS
from affectssm.families.biosignals.stages.tables.measured import (
    Measured,
    by_target,
    origins_of,
    read_experiments,
)
from affectssm.families.biosignals.stages.tables.rows import TARGETS, measured_row, scale_notes
from affectssm.tables.figure import draw
from affectssm.tables.page import Inputs, Page, score_columns
from affectssm.tables.rows import number

SETTINGS = {"": "full", "shuffled_labels": "labels exchanged between trials"}
WAYS = {"undone": "drift undone", "as_recorded": "as recorded"}
COLUMNS = score_columns(tuple(TARGETS), ("setting",))
TITLE = "Controls: accuracy on DEAP and MAHNOB-HCI"
INTRO = (
    "Mean over subjects and seeds ± sd over seeds [95 % interval over subjects, from six on]. `oracle`: a line on the "
    "few numbers that the demo's valence and arousal drive, with the planted drift taken away and with it."
)


def page(inputs: Inputs) -> Page:
    """A row a variant, and two of the oracle where there is one."""
    measured = read_experiments(inputs)
    rows = [_row(variant, own, inputs) for (_, variant), own in by_target(measured).items()]
    rows += _oracle_rows(inputs)
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "source", "data", "setting"),
        numbers=tuple(TARGETS),
        rows=rows,
        origins=origins_of(measured),
        draw=partial(draw, TITLE, rows, [_label(row) for row in rows], TARGETS, words=WORDS),
    )


def _label(row: Mapping[str, str]) -> str:
    return f"{row['method']}, {row['setting']}"


def _row(variant: str, own: Mapping[str, Measured], inputs: Inputs) -> dict[str, str]:
    summaries = {target: one.summary("accuracy") for target, one in own.items()}
    first = next(iter(own.values())).experiment
    remarks = scale_notes(first.model, inputs.settings, {one.experiment.corpus for one in own.values()})
    if variant:
        always = {target: one.summary("majority").get("value") for target, one in own.items()}
        found = ", ".join(f"{target} {number(value)}" for target, value in always.items())
        remarks.append(f"always a subject's more frequent class would score {found}")
    title = inputs.settings["titles"][first.model]
    return measured_row(title, own, summaries, inputs, remarks) | {"setting": SETTINGS[variant]}


def _oracle_rows(inputs: Inputs) -> list[dict[str, str]]:
    """What an oracle scores on the demos among the corpora; no row where there is none."""
    split = "across" if inputs.settings["protocol"]["protocol"] == "loso" else "within"
    learnt = "the other subjects" if split == "across" else "the subject's other trials"
    oracle = inputs.oracle or {}
    demos = {corpus: oracle[corpus] for corpus in inputs.settings["demo"] if corpus in oracle}
    return [
        {
            "method": "oracle",
            "source": "oracle",
            "data": "demo",
            "weights": "none",
            "split": "test",
            "setting": setting,
            "note": f"knows where to look; a line learnt on {learnt}, accuracy over all segments",
            **{target: number(value) for target, value in _scores(demos, split, way).items()},
        }
        for way, setting in WAYS.items()
        if demos
    ]


def _scores(demos: Mapping[str, Mapping[str, Any]], split: str, way: str) -> dict[str, float]:
    return {
        f"{corpus}_{dimension}": value
        for corpus, oracle in demos.items()
        for dimension, value in oracle[split][way].items()
    }
