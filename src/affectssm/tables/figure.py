"""The figure beside a table: a panel a metric, a line a row; published open, measured filled, demo shaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affectssm.store.atomic import staged
from affectssm.tables.page import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PUBLISHED, MEASURED = "#5f6368", ("#1a56a8", "#c4561b", "#2f7d4f", "#7a3e9d")
DEMO_SHADE, INK = "#fff3c4", "#202124"
DEMO_TEXT = "shaded: DEMO DATA, made here with planted truth; not comparable with published numbers"


def draw(
    title: str, rows: Sequence[Row], labels: Sequence[str], metrics: Mapping[str, str], path: Path
) -> None:
    """Write the figure as PNG.

    Args:
        title: above the panels.
        rows: of the table, published rows first; as many as ``labels``.
        labels: what stands on the left of each row.
        metrics: column of the table, a CCC -> title of its panel.
        path: of the PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(max(8.0, 2.3 + 2.6 * len(metrics)), 1.8 + 0.3 * len(rows)), dpi=150, layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    colours = _colours(rows)
    limits = _limits(rows, list(metrics))
    for axis, (name, heading) in zip(axes, metrics.items(), strict=True):
        _panel(axis, rows, name, colours, limits)
        axis.set_title(heading, fontsize=10, color=INK)
        axis.set_xlabel("CCC", fontsize=8)
    axes[0].set_yticks(range(len(rows)), labels, fontsize=8)
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    figure.suptitle(title, fontsize=11, color=INK, fontweight="bold")
    _legend(figure, rows)
    # no software version or date in the metadata: the picture is the same bytes for the same table
    with staged(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    """A colour for each measured method, in order of appearance."""
    methods = dict.fromkeys(row["method"] for row in rows if row["source"] == "measured")
    return {method: MEASURED[i % len(MEASURED)] for i, method in enumerate(methods)}


def _limits(rows: Sequence[Row], names: Sequence[str]) -> tuple[float, float]:
    columns = [f"{name}{suffix}" for name in names for suffix in ("", "_low", "_high")]
    values = [float(row[column]) for row in rows for column in columns if row.get(column)]
    return min(0.0, *values) - 0.05, max(0.8, *values) + 0.17


def _panel(
    axis: Axes, rows: Sequence[Row], name: str, colours: Mapping[str, str], limits: tuple[float, float]
) -> None:
    axis.set_xlim(*limits)
    axis.grid(axis="x", color="#e3e5e8", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0, labelsize=8)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    if limits[0] < -0.05:
        axis.axvline(0.0, color="#9aa0a6", linewidth=0.8)
    for y, row in enumerate(rows):
        if row["data"] == "demo":
            axis.axhspan(y - 0.5, y + 0.5, color=DEMO_SHADE, linewidth=0, zorder=0)
        if y and row["source"] != rows[y - 1]["source"]:
            axis.axhline(y - 0.5, color=INK, linewidth=1.0)
        _point(axis, y, row, name, colours)


def _point(axis: Axes, y: int, row: Row, name: str, colours: Mapping[str, str]) -> None:
    if not row.get(name):
        axis.text(
            sum(axis.get_xlim()) / 2,
            y,
            "not available",
            fontsize=7,
            ha="center",
            va="center",
            color=PUBLISHED,
        )
        return
    value = float(row[name])
    right = value
    if row["source"] == "published":
        axis.plot(
            value,
            y,
            "o",
            markersize=6,
            markerfacecolor="white",
            markeredgecolor=PUBLISHED,
            markeredgewidth=1.4,
        )
    else:
        colour = colours[row["method"]]
        if row.get(f"{name}_low"):
            low, right = float(row[f"{name}_low"]), max(value, float(row[f"{name}_high"]))
            axis.plot([low, right], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
        axis.plot(value, y, "o" if row["split"] == "test" else "s", markersize=6, color=colour)
    axis.annotate(
        f"{value:.2f}",
        (right, y),
        xytext=(6, 0),
        textcoords="offset points",
        fontsize=7.5,
        va="center",
        color=INK,
    )


def _legend(figure: Figure, rows: Sequence[Row]) -> None:
    handles = []
    if any(row["source"] == "published" for row in rows):
        handles.append(_mark("o", PUBLISHED, "white", "published"))
    for split, marker in (("test", "o"), ("val", "s")):
        if any(row["source"] == "measured" and row["split"] == split for row in rows):
            label = f"measured here, {split} (mean over seeds, 95 % interval over recordings)"
            handles.append(_mark(marker, MEASURED[0], MEASURED[0], label))
    demo = any(row["data"] == "demo" for row in rows)
    if demo:
        handles.append(_mark("s", "#8a5a00", DEMO_SHADE, DEMO_TEXT))
    legend = figure.legend(handles=handles, loc="outside lower left", fontsize=7.5, frameon=False, ncols=1)
    if demo:
        legend.get_texts()[-1].set(fontweight="bold", color="#8a5a00")


def _mark(marker: str, edge: str, face: str, label: str) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        linestyle="none",
        markersize=6,
        marker=marker,
        markeredgecolor=edge,
        markerfacecolor=face,
        label=label,
    )
