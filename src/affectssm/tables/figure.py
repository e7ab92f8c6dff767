"""The figure beside a table: a panel a metric, a line a row; published open, measured filled, demo shaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from affectssm.store.atomic import staged
from affectssm.tables.page import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D

PUBLISHED, MEASURED = "#5f6368", ("#1a56a8", "#c4561b", "#2f7d4f", "#7a3e9d")
DEMO_SHADE, DEMO_INK = "#fff3c4", "#8a5a00"
INK, ORACLE, CHANCE, GRID = "#202124", "#202124", "#9aa0a6", "#e3e5e8"
FAR = 20  # times the median of a panel: what diverged has no place on its axis
DEMO_TEXT = "shaded: DEMO DATA, made here with planted truth; not comparable with published numbers"


@dataclass(frozen=True)
class Words:
    """What the numbers of a figure are.

    Attributes:
        measure: beside the axis.
        units: what intervals are over.
        start: where the axis begins unless a number lies below.
        end: the last of marks at every tenth; None for marks as they come.
        chance: where a line stands, and what it says; None for none.
        decimals: of the numbers beside the marks.
        apart: whether every panel, of a measure of its own, has an axis as long as its numbers need.
    """

    measure: str = "CCC"
    units: str = "recordings"
    start: float = 0.0
    end: float | None = None
    chance: tuple[float, str] | None = None
    decimals: int = 2
    apart: bool = False


CCC = Words()


def draw(
    title: str,
    rows: Sequence[Row],
    labels: Sequence[str],
    metrics: Mapping[str, str],
    path: Path,
    words: Words = CCC,
) -> None:
    """Write the figure as PNG.

    Args:
        title: above the panels.
        rows: of the table, published rows first; as many as ``labels``.
        labels: what stands on the left of each row.
        metrics: column of the table -> title of its panel.
        path: of the PNG.
        words: what the numbers are.
    """
    figure = new_figure(*size_of(rows, metrics))
    panels(figure, rows, labels, metrics, words)
    finish(figure, title, path, legend_of(rows, words), demo=any(row["data"] == "demo" for row in rows))


def size_of(rows: Sequence[Row], metrics: Mapping[str, str]) -> tuple[float, float]:
    """Width and height in inches of panels with their title and legend."""
    return max(8.0, 2.3 + 2.6 * len(metrics)), 1.8 + 0.3 * len(rows)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, whose parts make room for one another."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(
    figure: Figure | SubFigure,
    rows: Sequence[Row],
    labels: Sequence[str],
    metrics: Mapping[str, str],
    words: Words = CCC,
) -> None:
    """Draw the panels into a figure, or into a part of one that has more; see :func:`draw`."""
    axes = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    colours = _colours(rows)
    for axis, (name, heading) in zip(axes, metrics.items(), strict=True):
        limits = _limits(rows, [name] if words.apart else list(metrics), words)
        _panel(axis, rows, name, colours, limits, words.decimals)
        if words.chance is not None:
            axis.axvline(words.chance[0], color=CHANCE, linewidth=0.8)
        if words.end is not None:
            axis.set_xticks([at / 10 for at in range(ceil(10 * limits[0]), round(10 * words.end) + 1)])
        axis.set_title(heading, fontsize=10, color=INK)
        axis.set_xlabel(words.measure, fontsize=8)
    axes[0].set_yticks(range(len(rows)), labels, fontsize=8)
    axes[0].set_ylim(len(rows) - 0.5, -0.5)


def finish(figure: Figure, title: str, path: Path, handles: list[Line2D], demo: bool) -> None:
    """Give a figure its title and legend, and write it as PNG."""
    figure.suptitle(title, fontsize=11, color=INK, fontweight="bold")
    legend_below(figure, handles, demo)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG."""
    # no software version or date in the metadata: the picture is the same bytes for the same table
    with staged(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    """A colour for each measured method, in order of appearance."""
    methods = dict.fromkeys(row["method"] for row in rows if row["source"] == "measured")
    return {method: MEASURED[i % len(MEASURED)] for i, method in enumerate(methods)}


def _limits(rows: Sequence[Row], names: Sequence[str], words: Words) -> tuple[float, float]:
    columns = [f"{name}{suffix}" for name in names for suffix in ("", "_low", "_high")]
    if words.apart:
        rows = _near(rows, names[0])
    values = [float(row[column]) for row in rows for column in columns if row.get(column)]
    if words.apart:
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = high - low or 0.1
        return low - 0.08 * room, high + 0.35 * room
    low, high = min([words.start, *values]), max([0.8, *values])
    return low - 0.05, high + 0.17


def _near(rows: Sequence[Row], name: str) -> list[Row]:
    """The rows that have a number, without those that diverged."""
    there = [row for row in rows if row.get(name)]
    sizes = [abs(float(row[name])) for row in there]
    most = (FAR * median(sizes) if sizes else 0.0) or inf
    return [row for row, size in zip(there, sizes, strict=True) if size <= most]


def _panel(
    axis: Axes,
    rows: Sequence[Row],
    name: str,
    colours: Mapping[str, str],
    limits: tuple[float, float],
    decimals: int,
) -> None:
    axis.set_xlim(*limits)
    axis.grid(axis="x", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0, labelsize=8)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    if limits[0] < -0.05:
        axis.axvline(0.0, color=CHANCE, linewidth=0.8)
    for y, row in enumerate(rows):
        if row["data"] == "demo":
            axis.axhspan(y - 0.5, y + 0.5, color=DEMO_SHADE, linewidth=0, zorder=0)
        if y and row["source"] != rows[y - 1]["source"]:
            axis.axhline(y - 0.5, color=INK, linewidth=1.0)
        _point(axis, y, row, name, colours, decimals)


def _point(axis: Axes, y: int, row: Row, name: str, colours: Mapping[str, str], decimals: int) -> None:
    if not row.get(name):
        _instead(axis, y, "not available")
        return
    value = float(row[name])
    begin, end = axis.get_xlim()
    if not begin <= value <= end:
        _instead(axis, y, f"off the axis: {value:.1e}")
        return
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
        colour = colours.get(row["method"], ORACLE)
        if row.get(f"{name}_low"):
            low, right = float(row[f"{name}_low"]), max(value, float(row[f"{name}_high"]))
            axis.plot([low, right], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt")
        axis.plot(value, y, _marker(row), markersize=6, color=colour)
    axis.annotate(
        f"{value:.{decimals}f}",
        (right, y),
        xytext=(6, 0),
        textcoords="offset points",
        fontsize=7.5,
        va="center",
        color=INK,
    )


def _instead(axis: Axes, y: int, text: str) -> None:
    """Words where a mark cannot be."""
    middle = sum(axis.get_xlim()) / 2
    axis.text(middle, y, text, fontsize=7, ha="center", va="center", color=PUBLISHED)


def _marker(row: Row) -> str:
    if row["source"] == "oracle":
        return "D"
    return "o" if row["split"] == "test" else "s"


def measured_label(split: str, rows: Sequence[Row], words: Words) -> str:
    """What the mark of measured rows of a split says; of intervals where one of the rows has some."""
    own = [row for row in rows if (row["source"], row["split"]) == ("measured", split)]
    there = any(text for row in own for name, text in row.items() if name.endswith("_low"))
    return f"measured here, {split} (mean over seeds{f', 95 % interval over {words.units}' * there})"


def legend_of(rows: Sequence[Row], words: Words) -> list[Line2D]:
    """What the marks of the panels are."""
    handles = []
    if any(row["source"] == "published" for row in rows):
        handles.append(mark("o", PUBLISHED, "white", "published"))
    for split, marker in (("test", "o"), ("val", "s")):
        if any(row["source"] == "measured" and row["split"] == split for row in rows):
            handles.append(mark(marker, MEASURED[0], MEASURED[0], measured_label(split, rows, words)))
    if any(row["source"] == "oracle" for row in rows):
        handles.append(mark("D", ORACLE, ORACLE, "oracle: knows what was planted"))
    if words.chance is not None:
        handles.append(mark("|", CHANCE, CHANCE, words.chance[1]))
    return handles


def legend_below(figure: Figure, handles: list[Line2D], demo: bool) -> None:
    """What stands below the panels; where they show demo data, that comes last and in bold."""
    if demo:
        handles = [*handles, mark("s", DEMO_INK, DEMO_SHADE, DEMO_TEXT)]
    legend = figure.legend(handles=handles, loc="outside lower left", fontsize=7.5, frameon=False, ncols=1)
    if demo:
        legend.get_texts()[-1].set(fontweight="bold", color=DEMO_INK)


def mark(marker: str, edge: str, face: str, label: str) -> Line2D:
    """A marker with a label, for a legend."""
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
