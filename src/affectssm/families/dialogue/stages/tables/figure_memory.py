"""The figure of the memory table: memory against window length, a line a model; published and measured side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affectssm.tables.figure import DEMO_SHADE, INK, MEASURED, new_figure, save
from affectssm.tables.page import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OOM = "OOM"
ROOM = 1.25  # the axis ends this far above the largest value; what did not fit stands there
SMALL_GB = 1.0  # below it a panel counts in MB
SCALE_TEXT = "shaded: not the paper's scale; not comparable with published numbers"


def draw(title: str, rows: Sequence[Row], path: Path) -> None:
    """Write the figure as PNG.

    Args:
        title: above the panels.
        rows: of the table; ``memory_gb`` is a number or OOM.
        path: of the PNG.
    """
    figure = new_figure(9.0, 4.2)
    panels = figure.subplots(1, 2)
    colours = {
        method: MEASURED[i % len(MEASURED)]
        for i, method in enumerate(dict.fromkeys(r["method"] for r in rows))
    }
    for axis, source in zip(panels, ("published", "measured"), strict=True):
        _panel(axis, [row for row in rows if row["source"] == source], colours)
    figure.suptitle(title, fontsize=11, color=INK, fontweight="bold")
    if any(row["source"] == "measured" and row["scale"] != "paper" for row in rows):
        panels[1].set_facecolor(DEMO_SHADE)
        figure.supxlabel(SCALE_TEXT, fontsize=7.5, color="#8a5a00", fontweight="bold", x=0.01, ha="left")
    save(figure, path)


def _panel(axis: Axes, rows: Sequence[Row], colours: dict[str, str]) -> None:
    fitted = [float(row["memory_gb"]) for row in rows if row["memory_gb"] != OOM]
    factor, unit = (1e3, "MB") if max(fitted, default=SMALL_GB) < SMALL_GB else (1.0, "GB")
    top = ROOM * factor * max(fitted, default=SMALL_GB)
    for method, colour in colours.items():
        _line(axis, [row for row in rows if row["method"] == method], method, colour, factor, top)
    _values(axis, rows, factor)
    lengths = sorted({int(row["length"]) for row in rows})
    axis.set_xticks(lengths, [str(length) for length in lengths])
    axis.set_ylim(0, 1.06 * top)
    axis.margins(x=0.08)
    axis.set_xlabel("window length (frames)", fontsize=8)
    axis.set_ylabel(f"peak memory ({unit})", fontsize=8)
    first = rows[0]
    axis.set_title(
        f"{first['source']}: {first['device']}, {first['scale']} scale, batch {first['batch']}",
        fontsize=9,
        color=INK,
    )
    axis.grid(axis="y", color="#e3e5e8", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0, labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.legend(loc="lower right", fontsize=8, frameon=False)


def _line(axis: Axes, rows: Sequence[Row], method: str, colour: str, factor: float, top: float) -> None:
    """One model: its line, and a cross at the upper edge where it did not fit."""
    face = "white" if rows[0]["source"] == "published" else colour
    fitted = {int(row["length"]): factor * float(row["memory_gb"]) for row in rows if row["memory_gb"] != OOM}
    counts = [float(row["parameters_m"]) for row in rows]
    size = "–".join(f"{count:.3g}" for count in sorted({min(counts), max(counts)}))
    label = f"{method}, {size} M parameters"
    (line,) = axis.plot(list(fitted), list(fitted.values()), "o-", color=colour, label=label)
    line.set(markerfacecolor=face, markersize=6, linewidth=1.6)
    for x in (int(row["length"]) for row in rows if row["memory_gb"] == OOM):
        axis.plot(x, top, "x", color=colour, markersize=7, markeredgewidth=1.8)
        _text(axis, OOM, (x, top), -12)


def _values(axis: Axes, rows: Sequence[Row], factor: float) -> None:
    """The numbers: above the upper point of a length, below the others."""
    at: dict[int, list[float]] = {}
    for row in rows:
        if row["memory_gb"] != OOM:
            at.setdefault(int(row["length"]), []).append(factor * float(row["memory_gb"]))
    for x, values in at.items():
        for y in values:
            _text(axis, f"{y:.3g}", (x, y), 7 if y == max(values) else -14)


def _text(axis: Axes, text: str, place: tuple[float, float], above: int) -> None:
    """A word centred some points above (or below) a place."""
    axis.annotate(
        text, place, xytext=(0, above), textcoords="offset points", fontsize=7.5, ha="center", color=INK
    )
