"""DA-Mamba's main table: CCC on NoXi, NoXi-Add and MPIIGroupInteraction, published beside measured."""

from __future__ import annotations

from functools import partial

from affectssm.families.dialogue.stages.tables.measured import read_experiments
from affectssm.families.dialogue.stages.tables.rows import measured_row
from affectssm.tables.figure import draw
from affectssm.tables.page import Inputs, Page, row_label, score_columns
from affectssm.tables.provenance import origins
from affectssm.tables.published import published_rows

PANELS = {"noxi_base": "NoXi Base", "noxi_add": "NoXi-Add", "mpiigi": "MPIIGI", "global": "Global"}
METRICS = tuple(PANELS)
COLUMNS = score_columns(METRICS)
TITLE = "Engagement estimation: CCC on NoXi Base, NoXi-Add and MPIIGI"
INTRO = (
    "`published`: as printed in the papers. `measured`: computed here; mean over seeds ± sd over seeds "
    "[95 % interval over recordings, from six on]. Global is the macro-average of the three corpora."
)


def page(inputs: Inputs) -> Page:
    """The table: eleven published rows, then the measured ones."""
    measured = read_experiments(inputs)
    rows = published_rows("noxi_ccc") + [measured_row(one, inputs, METRICS) for one in measured]
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "source", "data", "weights", "features", "split"),
        numbers=METRICS,
        rows=rows,
        origins=origins(measured),
        draw=partial(draw, TITLE, rows, [row_label(row) for row in rows], PANELS),
    )
