"""The figure of the efficiency table: memory and time against length, a line a model, logarithmic both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affectssm.tables.figure import DEMO_INK, DEMO_SHADE, GRID, INK, MEASURED, new_figure, save
from affectssm.tables.page import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SCALE_TEXT = "shaded: not the paper's scale; not comparable with published numbers"


def draw(title: str, rows: Sequence[Row], quantities: Mapping[str, str], path: Path) -> None:
    """Write the figure as PNG.

    Args:
        title: above the panels.
        rows: of the table; those ``measured`` are drawn.
        quantities: column -> what it is, a panel each; ``_gb`` in GB, ``_s`` in seconds.
        path: of the PNG.
    """
    measured = [row for row in rows if row["row"] == "measured"]
    figure = new_figure(10.0, 7.0)
    axes = figure.subplots(2, 2, squeeze=False).flatten()
    small = any(row["scale"] != "paper" for row in measured)
    for axis, (column, words) in zip(axes, quantities.items(), strict=True):
        _panel(axis, measured, column)
        axis.set_title(words, fontsize=10, color=INK)
        if small:
            axis.set_facecolor(DEMO_SHADE)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower right", fontsize=8, frameon=False, ncols=1)
    about = {
        f"{row['device']}, {row['scale']} scale, width {row['d_model']}, batch {row['batch']}"
        for row in measured
    }
    figure.suptitle("\n".join([title, *sorted(about)]), fontsize=10, color=INK, fontweight="bold")
    if small:
        figure.supxlabel(SCALE_TEXT, fontsize=7.5, color=DEMO_INK, fontweight="bold", x=0.01, ha="left")
    save(figure, path)


def _panel(axis: Axes, rows: Sequence[Row], column: str) -> None:
    for method, colour in zip(dict.fromkeys(row["method"] for row in rows), MEASURED, strict=False):
        there = [row for row in rows if row["method"] == method and float(row.get(column) or 0) > 0]
        lengths, values = ([float(row[name]) for row in there] for name in ("length", column))
        axis.plot(lengths, values, "o-", color=colour, label=method, markersize=4.5, linewidth=1.5)
    axis.set_xscale("log")
    axis.set_yscale("log")
    ticks = sorted({int(row["length"]) for row in rows})
    axis.set_xticks(ticks, [str(tick) for tick in ticks], rotation=45)
    axis.minorticks_off()
    axis.set_xlabel("length (steps)", fontsize=8)
    axis.set_ylabel("GB" if column.endswith("_gb") else "seconds", fontsize=8)
    axis.grid(color=GRID, linewidth=0.8)
    axis.tick_params(axis="both", length=0, labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
