"""The controls: what remains with other people's labels, and what the partner is worth.

Trained on label tracks exchanged between participants a model must not score; without the partner it must
lose what was planted in the demo (no such number is known for real data).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectssm.tables.measured import Measured, measured_row, metric_columns, number
from affectssm.tables.page import Page, row_label

METRIC = "noxi_base"
SETTINGS = {
    "": "full",
    "shuffled_labels": "labels exchanged between participants",
    "no_partner": "without the partner",
}
COLUMNS = (
    "method", "source", "data", "weights", "features", "split", "setting", *metric_columns(METRIC),
    "drop", "planted_drop", "n_seeds", "n_units", "n_expected", "note",
)  # fmt: skip
TITLE = "Controls: CCC on NoXi Base"
INTRO = (
    "Mean over seeds ± sd over seeds [95 % bootstrap over recordings]. `drop` is the loss against the full "
    "model; `planted_drop` what a perfect reader of the demo's latents loses without the partner."
)


def page(
    rows: Sequence[Measured], settings: Mapping[str, Any], faults: int, oracle: Mapping[str, Any] | None
) -> Page:
    """One row a setting and feature source."""
    full = {m.experiment.source: m.cells[METRIC]["value"] for m in rows if not m.experiment.variant}
    table = []
    for measured in rows:
        experiment = measured.experiment
        row = measured_row(measured, settings, (METRIC,), faults) | {"setting": SETTINGS[experiment.variant]}
        if experiment.variant:
            row["drop"] = number(full[experiment.source] - measured.cells[METRIC]["value"])
        if experiment.variant == "no_partner" and oracle is not None and row["data"] == "demo":
            row["planted_drop"] = number(planted_drop(oracle, experiment.split))
        table.append(row)
    return Page(
        title=TITLE,
        intro=INTRO,
        columns=COLUMNS,
        keys=("method", "data", "features", "split", "setting", "drop", "planted_drop"),
        metrics={METRIC: "NoXi Base"},
        rows=table,
        labels=[row_label(row, row["setting"]) for row in table],
    )


def planted_drop(oracle: Mapping[str, Any], split: str) -> float:
    """What taking away the partner costs a perfect reader of the demo's latents."""
    part = "noxi/test-base" if split == "test" else "noxi/val"
    return float(oracle["ccc"][part]["drop_partner"])
