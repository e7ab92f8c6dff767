"""DA-Mamba's ablation: the SSM against attention, modality and partner fusion on and off, published beside measured."""

from __future__ import annotations

from functools import partial

from affectssm.families.dialogue.stages.tables.comparison import drop
from affectssm.families.dialogue.stages.tables.measured import Measured, read_experiments
from affectssm.families.dialogue.stages.tables.noxi_ccc import METRICS, PANELS
from affectssm.families.dialogue.stages.tables.rows import measured_row
from affectssm.tables.figure import draw
from affectssm.tables.page import Inputs, Page, row_label, score_columns
from affectssm.tables.provenance import origins
from affectssm.tables.published import published_rows

SWITCHES = ("mamba", "transformer", "modality_fusion", "partner_fusion")
SETTINGS = {
    "": "full",
    "no_modality": "no modality fusion",
    "no_partner": "no partner fusion",
    "no_fusion": "neither fusion",
    "transformer": "Transformer backbone",
}
ALONE = "no partner fusion: the target alone"
APART = "no modality fusion: each modality group hears partners and scores on its own, and the mean counts"
INSTEAD = {
    "no_modality": (APART,),
    "no_partner": (ALONE,),
    "no_fusion": (APART, ALONE),
    "transformer": ("the same blocks with attention over the window in place of the SSM; not DAT",),
}
COLUMNS = score_columns(METRICS, ("setting", *SWITCHES), ("drop", "drop_sd", "drop_n", "drop_of"))
TITLE = "DA-Mamba's ablation: CCC on NoXi Base, NoXi-Add and MPIIGI"
INTRO = (
    "`published`: as printed in the paper. `measured`: computed here; mean over seeds ± sd over seeds "
    "[95 % interval over recordings, from six on]. `drop`: the full model minus this one on `drop_of`, paired by seed, "
    "mean ± sd over the pairs."
)


def page(inputs: Inputs) -> Page:
    """The table: five published rows, then the five measured ones in the same order."""
    measured = read_experiments(inputs)
    rows = published_rows("damamba_ablation") + [_row(one, measured[0], inputs) for one in measured]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("source", "data", "features", "split", *SWITCHES, "drop_of"),
        numbers=("drop", *METRICS),
        rows=rows,
        origins=origins(measured),
        draw=partial(draw, TITLE, rows, [row_label(row).partition(", ")[2] for row in rows], PANELS),
    )


def _row(one: Measured, full: Measured, inputs: Inputs) -> dict[str, str]:
    variant = one.experiment.variant
    row = measured_row(one, inputs, METRICS, INSTEAD.get(variant, ())) | {"setting": SETTINGS[variant]}
    switches = inputs.settings["switches"][one.experiment.name]
    row |= {name: "yes" if switches[name] else "no" for name in SWITCHES}
    if variant:
        compared = "global" if row["global"] else "noxi_base"
        row |= drop(full, one, compared).columns() | {"drop_of": compared}
    return row
