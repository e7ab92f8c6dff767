"""The figure of the missing-data table: accuracy against ratio, and improvement per pattern; a panel a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectssm.families.biosignals.stages.tables.adaptation import ratios_of
from affectssm.families.biosignals.stages.tables.measured import Measured
from affectssm.families.biosignals.stages.tables.rows import TARGETS
from affectssm.tables.figure import CHANCE, DEMO_SHADE, GRID, INK, PUBLISHED, legend_below, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = {  # colour, marker
    "none": (PUBLISHED, "o"),
    "tent": ("#c4561b", "v"),
    "eata": ("#2f7d4f", "^"),
    "read": ("#7a3e9d", "s"),
    "tltta": ("#0f8b9d", "D"),
    "bim_tta": ("#1a56a8", "o"),
}
OTHER = INK, "x"  # of a method without a style of its own
UNITS = {"modality": "modalities", "channel": "channels", "sample": "samples"}
TEXT = (
    "BiMamba-TTA, every method on the same masks; mean over seeds; bands: 95 % intervals over subjects, from six on; "
    "bars: the same of the difference to no adaptation, paired"
)
SPREAD = 0.7  # of the distance between two patterns, over which the methods stand side by side


def draw(title: str, own: Mapping[str, Measured], settings: Mapping[str, Any], path: Path) -> None:
    """Write the figure as PNG.

    Args:
        title: above the panels.
        own: target -> metrics.
        settings: of the table: patterns, ratios, methods, which corpora are demos.
        path: of the PNG.
    """
    figure = new_figure(13.0, 7.2)
    upper, lower = figure.subplots(2, len(TARGETS), sharey="row")
    missing, methods = settings["missing"], settings["methods"]
    for target, above, below in zip(TARGETS, upper, lower, strict=True):
        one = own.get(target)
        _plain(above, below)
        above.set_title(TARGETS[target], fontsize=10, color=INK)
        if one is None:
            _absent(above, below, target)
            continue
        if one.experiment.corpus in settings["demo"]:
            above.set_facecolor(DEMO_SHADE)
            below.set_facecolor(DEMO_SHADE)
        _accuracies(above, one, missing["patterns"][0], missing["ratios"], methods)
        _improvements(below, one, list(ratios_of(settings)), [name for name in methods if name != "none"])
    upper[0].set_ylabel("accuracy", fontsize=9)
    lower[0].set_ylabel("improvement (points),\nmean over the ratios", fontsize=9)
    figure.suptitle(title, fontsize=11, color=INK, fontweight="bold")
    _legends(
        figure,
        {name: settings["titles"][name] for name in methods},
        demo=any(one.experiment.corpus in settings["demo"] for one in own.values()),
    )
    save(figure, path)


def _plain(*axes: Axes) -> None:
    for axis in axes:
        axis.grid(axis="y", color=GRID, linewidth=0.8)
        axis.set_axisbelow(True)
        axis.tick_params(axis="both", length=0, labelsize=8)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)


def _absent(above: Axes, below: Axes, target: str) -> None:
    corpus = target.partition("_")[0]
    for axis in (above, below):
        axis.set_xticks([])
        axis.text(
            0.5, 0.5, f"no {corpus} in this configuration", transform=axis.transAxes, ha="center", fontsize=8,
            color=PUBLISHED,
        )  # fmt: skip


def _accuracies(
    axis: Axes, one: Measured, pattern: str, ratios: Sequence[float], methods: Sequence[str]
) -> None:
    """A line a method, with its interval over subjects as a band; no adaptation lies above what does nothing."""
    axis.axhline(0.5, color=CHANCE, linewidth=0.8)
    for method in sorted(methods, key=lambda name: name == "none"):
        rows = [one.summary("accuracy", method, pattern, ratio) for ratio in ratios]
        low, value, high = ([row[name] for row in rows] for name in ("low", "value", "high"))
        axis.fill_between(ratios, low, high, color=_style(method)[0], alpha=0.07, linewidth=0)
        axis.plot(ratios, value, **_line(method))
    axis.set_xticks(ratios, [f"{ratio:g}" for ratio in ratios])
    axis.set_xlabel(f"ratio of missing {UNITS[pattern]}", fontsize=8)


def _style(method: str) -> tuple[str, str]:
    return STYLE.get(method, OTHER)


def _line(method: str) -> dict[str, Any]:
    """How a method's line looks: no adaptation is dashed and open, so that one that does nothing shows through."""
    colour, marker = _style(method)
    style = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.5}
    return style | ({"linestyle": (0, (4, 2)), "markerfacecolor": "white"} if method == "none" else {})


def _improvements(axis: Axes, one: Measured, patterns: Sequence[str], methods: Sequence[str]) -> None:
    """The methods side by side at every pattern, with their paired intervals."""
    axis.axhline(0.0, color=INK, linewidth=0.9)
    step = SPREAD / max(1, len(methods))
    for number, method in enumerate(methods):
        colour, marker = _style(method)
        for place, pattern in enumerate(patterns):
            row = one.summary("improvement", method, pattern)
            x = place + (number - (len(methods) - 1) / 2) * step
            axis.plot([x, x], [row["low"], row["high"]], color=colour, linewidth=1.6, solid_capstyle="butt")
            axis.plot(x, row["value"], marker=marker, markersize=5, color=colour)
    for border in range(1, len(patterns)):
        axis.axvline(border - 0.5, color=GRID, linewidth=0.8)
    axis.set_xlim(-0.5, len(patterns) - 0.5)
    axis.set_xticks(range(len(patterns)), list(patterns))
    axis.set_xlabel("what goes missing as a whole", fontsize=8)


def _legends(figure: Figure, methods: Mapping[str, str], demo: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=title, **_line(method)) for method, title in methods.items()]
    figure.legend(handles=handles, loc="outside right upper", fontsize=8.5, frameon=False)
    chance = Line2D(
        [], [], color=CHANCE, linewidth=0.8, label="0.5: chance, where both classes are as frequent"
    )
    legend_below(figure, [Line2D([], [], color=INK, linewidth=1.5, label=TEXT), chance], demo)
