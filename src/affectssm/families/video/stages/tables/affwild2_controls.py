"""The controls of Mamba-VA on the official split of Aff-Wild2: what remains, and what each part brings."""

from __future__ import annotations

from functools import partial

import numpy as np

from affectssm.families.video.stages.tables.figure import WORDS
from affectssm.families.video.stages.tables.rows import BY_VIDEO, METRICS, measured_row, read_experiments
from affectssm.tables.figure import draw
from affectssm.tables.frame_measured import Scores
from affectssm.tables.page import Inputs, Page, score_columns
from affectssm.tables.provenance import origins
from affectssm.tables.rows import exchange_notes, number

CELL = "fold0"
COLUMNS = score_columns(
    (*METRICS, *BY_VIDEO), ("fold", "selection", "setting"), ("drop", "drop_sd", "drop_n")
)
TITLE = "Controls: CCC on the official split of Aff-Wild2"
INTRO = (
    "Mean over seeds ± sd over seeds [95 % interval over videos, from six on]. `drop` is what the average loses "
    "against the first row, paired by seed."
)


def page(inputs: Inputs) -> Page:
    """One row a setting."""
    measured = read_experiments(inputs)
    full = measured[0]
    rows = [_row(one, full, inputs) for one in measured]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "data", "features", "split", "setting", "drop"),
        numbers=METRICS,
        rows=rows,
        origins=origins(measured),
        draw=partial(
            draw,
            TITLE,
            rows,
            [row["setting"] for row in rows],
            {name: name.capitalize() for name in METRICS},
            words=WORDS,
        ),
    )


def setting_of(one: Scores) -> str:
    """Return in words what an experiment changes."""
    told = one.described
    return {
        "": "full",
        "exchanged": "labels exchanged between videos",
        "tcn": "without Mamba, at the same parameters",
        "mamba": "without TCN, at the same parameters",
        "other_init": f"{told['init']} initialisation",
        "other_fill": "missing faces carried forward" if told["forward_fill"] else "missing faces masked",
    }[told["variant"]]


def _row(one: Scores, full: Scores, inputs: Inputs) -> dict[str, str]:
    row = measured_row(one, 0, inputs, _by_chance(one)) | {"setting": setting_of(one)}
    if one is full:
        return row
    own, whole = one.by_seed[CELL, "average"], full.by_seed[CELL, "average"]
    found = np.array([whole[seed] - own[seed] for seed in sorted(own.keys() & whole.keys())])
    sd = float(found.std(ddof=1)) if len(found) > 1 else float("nan")
    return row | {"drop": number(float(found.mean())), "drop_sd": number(sd), "drop_n": str(len(found))}


def _by_chance(one: Scores) -> list[str]:
    """What the interval of exchanged labels leaves out: what was learnt of them differs from run to run."""
    if one.described["variant"] != "exchanged":
        return []
    return exchange_notes(list(one.by_seed[CELL, "average"].values()), "the average", "video")
