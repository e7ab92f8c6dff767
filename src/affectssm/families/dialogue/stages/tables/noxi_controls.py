"""The controls: what remains with other people's labels, and what the partner is worth.

Trained on label tracks exchanged between participants a model must not score; without the partner it must
lose what was planted in the demo (no such number is known for real data).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from affectssm.families.dialogue.stages.tables.comparison import drop
from affectssm.families.dialogue.stages.tables.measured import Measured, read_experiments
from affectssm.families.dialogue.stages.tables.rows import measured_row
from affectssm.tables.figure import draw
from affectssm.tables.page import Inputs, Page, row_label, score_columns
from affectssm.tables.provenance import origins
from affectssm.tables.rows import number

METRIC = "noxi_base"
SETTINGS = {
    "": "full",
    "shuffled_labels": "labels exchanged between participants",
    "no_partner": "without the partner",
}
COLUMNS = score_columns((METRIC,), ("setting",), ("drop", "planted_drop"))
TITLE = "Controls: CCC on NoXi Base"
INTRO = (
    "Mean over seeds ± sd over seeds [95 % interval over recordings, from six on]. `drop` is the loss against the full "
    "model; `planted_drop` what a perfect reader of the demo's latents loses without the partner."
)


def page(inputs: Inputs) -> Page:
    """One row a setting and feature source."""
    measured = read_experiments(inputs)
    full = {one.experiment.source: one for one in measured if not one.experiment.variant}
    rows = [_row(one, full[one.experiment.source], inputs) for one in measured]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "data", "features", "split", "setting", "drop", "planted_drop"),
        numbers=(METRIC,),
        rows=rows,
        origins=origins(measured),
        draw=partial(draw, TITLE, rows, [row_label(row) for row in rows], {METRIC: "NoXi Base"}),
    )


def _row(one: Measured, full: Measured, inputs: Inputs) -> dict[str, str]:
    experiment = one.experiment
    row = measured_row(one, inputs, (METRIC,)) | {"setting": SETTINGS[experiment.variant]}
    if experiment.variant:
        row["drop"] = number(drop(full, one, METRIC).mean)
    oracle = (inputs.oracle or {}).get("noxi")
    if experiment.variant == "no_partner" and oracle is not None and row["data"] == "demo":
        row["planted_drop"] = number(planted_drop(oracle, experiment.split))
    return row


def planted_drop(oracle: Mapping[str, Any], split: str) -> float:
    """What taking away the partner costs a perfect reader of the demo's latents."""
    part = "noxi/test-base" if split == "test" else "noxi/val"
    return float(oracle["ccc"][part]["drop_partner"])
