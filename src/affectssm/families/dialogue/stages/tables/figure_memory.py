"""The figure of the memory table: published and measured memory by window length, other ways to compute, and growth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from affectssm.tables.figure import DEMO_INK, DEMO_SHADE, GRID, INK, MEASURED, new_figure, save
from affectssm.tables.page import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OOM = "OOM"
ROOM = 1.25  # the axis ends this far above the largest value; what did not fit stands there
SMALL_GB = 1.0  # below it a panel counts in MB
SCALE_TEXT = "shaded: not the paper's scale; not comparable with published numbers"
Panel = Callable[["Axes", Sequence[Row], Mapping[str, str]], None]


def draw(title: str, rows: Sequence[Row], path: Path) -> None:
    """Write the figure as PNG.

    Args:
        title: above the panels.
        rows: of the table; ``memory_gb`` is a number or OOM.
        path: of the PNG.
    """
    panels = _panels(rows)
    figure = new_figure(10.0, 4.2 * ((len(panels) + 1) // 2))
    axes = figure.subplots((len(panels) + 1) // 2, 2, squeeze=False).flatten()
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    colours = _colours(rows)
    shaded = False
    for axis, (draw_panel, own, words) in zip(axes, panels, strict=False):
        draw_panel(axis, own, colours)
        axis.set_title(words, fontsize=8.5, color=INK)
        if any(row["scale"] != "paper" for row in own):
            axis.set_facecolor(DEMO_SHADE)
            shaded = True
    figure.suptitle(title, fontsize=11, color=INK, fontweight="bold")
    if shaded:
        figure.supxlabel(SCALE_TEXT, fontsize=7.5, color=DEMO_INK, fontweight="bold", x=0.01, ha="left")
    save(figure, path)


def _panels(rows: Sequence[Row]) -> list[tuple[Panel, list[Row], str]]:
    """What draws a panel, its rows, its title."""
    exponents = [row for row in rows if row["row"] == "exponent"]
    plain = [row for row in rows if row.get("recompute", "none") == "none" and row["row"] != "exponent"]
    plain = [row for row in plain if row.get("precision", "float32") == "float32"]
    of = {
        part: [row for row in plain if row["row"] == part]
        for part in ("published", "lengths", "growth", "paper")
    }
    found: list[tuple[Panel, list[Row], str]] = [
        (_lines, of[part], f"{words}: {_where(of[part])}")
        for part, words in (("published", "published"), ("paper", "measured"), ("lengths", "measured"))
        if of[part]
    ]
    there = {row["length"] for row in rows if row["row"] == "variants"}
    varied = [row for row in rows if row["row"] in ("lengths", "variants") and row["length"] in there]
    if varied:
        found.append(
            (_bars, varied, f"recomputation and precision at {', '.join(sorted(there, key=int))} frames")
        )
    if any(row["memory_gb"] != OOM for row in of["growth"]):
        found.append((_growth, [*of["growth"], *exponents], f"growth: {_where(of['growth'])}"))
    return found


def _where(rows: Sequence[Row]) -> str:
    return f"{rows[0]['device']}, {rows[0]['scale']} scale, batch {rows[0]['batch']}"


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    """Method -> colour; the published DAT has that of the measured one with plain attention."""
    methods = [row["method"] for row in rows if row["source"] == "measured"]
    found = {method: MEASURED[i % len(MEASURED)] for i, method in enumerate(dict.fromkeys(methods))}
    for method in dict.fromkeys(row["method"] for row in rows):
        alike = (colour for name, colour in found.items() if name.startswith(f"{method},"))
        found.setdefault(method, next(alike, MEASURED[len(found) % len(MEASURED)]))
    return found


def _unit(rows: Sequence[Row]) -> tuple[float, str, float]:
    """By what GB are multiplied, the unit, and where the axis ends."""
    fitted = [float(row["memory_gb"]) for row in rows if row["memory_gb"] != OOM]
    largest = max(fitted, default=SMALL_GB)
    factor, unit = (1e3, "MB") if largest < SMALL_GB else (1.0, "GB")
    return factor, unit, ROOM * factor * largest


def _lines(axis: Axes, rows: Sequence[Row], colours: Mapping[str, str]) -> None:
    """Memory against length."""
    factor, unit, top = _unit(rows)
    for method in dict.fromkeys(row["method"] for row in rows):
        _line(axis, [row for row in rows if row["method"] == method], colours[method], factor, top)
    _values(axis, rows, factor)
    axis.set_ylim(0, 1.06 * top)
    _finish(axis, rows, f"peak memory ({unit})")


def _finish(axis: Axes, rows: Sequence[Row], words: str) -> None:
    lengths = sorted({int(row["length"]) for row in rows})
    axis.set_xticks(lengths, [str(length) for length in lengths])
    axis.margins(x=0.08)
    axis.set_xlabel("window length (frames)", fontsize=8)
    _plain_axis(axis, words)
    axis.legend(loc="lower right", fontsize=7.5, frameon=False)


def _plain_axis(axis: Axes, words: str) -> None:
    axis.set_ylabel(words, fontsize=8)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0, labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def _line(axis: Axes, rows: Sequence[Row], colour: str, factor: float, top: float) -> None:
    """One model: its line, and a cross at the upper edge where it did not fit."""
    face = "white" if rows[0]["source"] == "published" else colour
    fitted = {int(row["length"]): factor * float(row["memory_gb"]) for row in rows if row["memory_gb"] != OOM}
    counts = [float(row["parameters_m"]) for row in rows]
    size = "–".join(f"{count:.3g}" for count in sorted({min(counts), max(counts)}))
    label = f"{rows[0]['method']}, {size} M parameters"
    (line,) = axis.plot(list(fitted), list(fitted.values()), "o-", color=colour, label=label)
    line.set(markerfacecolor=face, markersize=6, linewidth=1.6)
    for x in (int(row["length"]) for row in rows if row["memory_gb"] == OOM):
        axis.plot(x, top, "x", color=colour, markersize=7, markeredgewidth=1.8)
        _text(axis, OOM, (x, top), -12)


def _values(axis: Axes, rows: Sequence[Row], factor: float) -> None:
    """The largest and the smallest number of a length, above and below their points."""
    at: dict[int, list[float]] = {}
    for row in rows:
        if row["memory_gb"] != OOM:
            at.setdefault(int(row["length"]), []).append(factor * float(row["memory_gb"]))
    for x, values in at.items():
        _text(axis, f"{max(values):.3g}", (x, max(values)), 7)
        if len(values) > 1:
            _text(axis, f"{min(values):.3g}", (x, min(values)), -14)


def _bars(axis: Axes, rows: Sequence[Row], colours: Mapping[str, str]) -> None:
    """A group of bars a method and length, a bar a way to compute; what did not fit has none."""
    factor, unit, top = _unit(rows)
    ways = list(dict.fromkeys((row["precision"], row["recompute"]) for row in rows))
    groups = list(dict.fromkeys((row["method"], row["length"]) for row in rows))
    wide = 0.8 / len(ways)
    for row in rows:
        way = ways.index((row["precision"], row["recompute"]))
        x = groups.index((row["method"], row["length"])) + (way - (len(ways) - 1) / 2) * wide
        value = 0.0 if row["memory_gb"] == OOM else factor * float(row["memory_gb"])
        axis.bar(x, value, 0.92 * wide, color=colours[row["method"]], alpha=1 - 0.7 * way / len(ways))
        half = "\nbfloat16" if row["precision"] != "float32" else ""
        _text(axis, f"{value:.3g}" if value else OOM, (x, value), 2)
        _text(axis, row["recompute"] + half, (x, 0), -9 - 8 * bool(half), 6.5)
    several = len({length for _, length in groups}) > 1
    names = [
        f"{method}{f', {length}' if several else ''}".replace(", ", "\n", 1) for method, length in groups
    ]
    axis.set_xticks(range(len(groups)), names)
    axis.tick_params(axis="x", pad=14)
    axis.set_ylim(0, top)
    _plain_axis(axis, f"peak memory ({unit})")


def _growth(axis: Axes, rows: Sequence[Row], colours: Mapping[str, str]) -> None:
    """Memory against length, logarithmic both ways."""
    measured = [row for row in rows if row["row"] != "exponent"]
    exponents = [row for row in rows if row["row"] == "exponent" and row.get("growth")]
    factor, unit, _ = _unit(measured)
    fitted = [row for row in measured if row["memory_gb"] != OOM]
    for method in dict.fromkeys(row["method"] for row in fitted):
        own = [row for row in fitted if row["method"] == method]
        values = [factor * float(row["memory_gb"]) for row in own]
        lengths = [int(row["length"]) for row in own]
        slope = "".join(f", exponent {row['growth']}" for row in exponents if row["method"] == method)
        label = f"{method}: {values[0]:.3g} to {values[-1]:.3g} {unit}{slope}"
        axis.plot(lengths, values, "o-", color=colours[method], label=label, linewidth=1.6)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.minorticks_off()
    axis.margins(y=0.08)
    _finish(axis, measured, f"peak memory ({unit})")


def _text(axis: Axes, text: str, place: tuple[float, float], above: int, size: float = 7.5) -> None:
    """A word centred some points above (or below) a place."""
    axis.annotate(
        text, place, xytext=(0, above), textcoords="offset points", fontsize=size, ha="center", color=INK
    )
