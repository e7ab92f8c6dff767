"""BiM-TTA's table without missing data: accuracy on DEAP and MAHNOB-HCI, published beside measured."""

from __future__ import annotations

from functools import partial

from affectssm.families.biosignals.stages.tables.measured import by_target, origins_of, read_experiments
from affectssm.families.biosignals.stages.tables.rows import TARGETS, measured_row, scale_notes
from affectssm.tables.figure import Words, draw
from affectssm.tables.page import Inputs, Page, score_columns
from affectssm.tables.published import published_rows

COLUMNS = score_columns(tuple(TARGETS))
CHANCE = 0.5, "0.5: chance, where both classes are as frequent"
WORDS = Words("accuracy", "subjects", start=0.5, end=1.0, chance=CHANCE)
TITLE = "Emotion from bio-signals: accuracy on DEAP and MAHNOB-HCI, high against low"
INTRO = (
    "`published`: as printed in the paper. `measured`: computed here; share of a subject's 4 s segments that are "
    "answered rightly, mean over subjects and seeds ± sd over seeds [95 % interval over subjects, from six on]. "
    "`units`: subjects, counted once a target."
)


def page(inputs: Inputs) -> Page:
    """The table: five published rows, then a measured one a model."""
    measured = read_experiments(inputs)
    rows = published_rows("bimtta_accuracy")
    for (model, _), own in by_target(measured).items():
        summaries = {target: one.summary("accuracy") for target, one in own.items()}
        remarks = scale_notes(model, inputs.settings, {one.experiment.corpus for one in own.values()})
        rows.append(measured_row(inputs.settings["titles"][model], own, summaries, inputs, remarks))
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "source", "data", "split"),
        numbers=tuple(TARGETS),
        rows=rows,
        origins=origins_of(measured),
        draw=partial(draw, TITLE, rows, [row["method"] for row in rows], TARGETS, words=WORDS),
    )
