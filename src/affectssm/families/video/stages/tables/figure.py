"""The figure of Mamba-VA's table: the folds, and below them what was predicted beside what was annotated, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from affectssm.families.video.stages.frames import COLUMNS
from affectssm.store.arrow import numbers
from affectssm.tables.figure import (
    CHANCE,
    DEMO_SHADE,
    GRID,
    INK,
    MEASURED,
    Words,
    finish,
    legend_of,
    new_figure,
    panels,
    size_of,
)
from affectssm.tables.page import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.lines import Line2D

WORDS = Words(units="videos")
TRACE_HEIGHT = 1.5  # inches
ANNOTATED, PREDICTED = INK, MEASURED[0]  # as the model in the panels of folds


def draw(
    title: str,
    rows: Sequence[Row],
    labels: Sequence[str],
    metrics: Mapping[str, str],
    traces: pa.Table,
    demo: bool,
    path: Path,
) -> None:
    """Write the figure as PNG.

    Args:
        title, rows, labels, metrics: of the panels of folds, see :func:`affectssm.tables.figure.draw`.
        traces: of the people shown below them, as :mod:`affectssm.families.video.stages.traces` writes them.
        demo: whether they are of demo data.
        path: of the PNG.
    """
    ranks = list(dict.fromkeys(traces["rank"].to_pylist()))
    width, height = size_of(rows, metrics)
    below = TRACE_HEIGHT * len(ranks) + 0.3
    figure = new_figure(width, height + (below if ranks else 0.0))
    handles = legend_of(rows, WORDS)
    if ranks:
        upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(height, below))[:, 0]
        panels(upper, rows, labels, metrics, WORDS)
        _over_time(lower, traces, ranks, demo)
        handles += _lines(traces["seed"][0].as_py())
    else:
        panels(figure, rows, labels, metrics, WORDS)
    finish(figure, title, path, handles, demo or any(row["data"] == "demo" for row in rows))


def _over_time(figure: SubFigure, traces: pa.Table, ranks: Sequence[str], demo: bool) -> None:
    """A line of panels a person, a panel a column."""
    of = traces["of"][0].as_py()
    figure.suptitle(
        f"The official split over time: of {of} people, by the mean of their two CCCs", fontsize=10
    )
    axes = figure.subplots(len(ranks), len(COLUMNS), sharex="row", sharey=True, squeeze=False)
    rank_of, column_of = (np.array(traces[name].to_pylist()) for name in ("rank", "column"))
    for line, rank in zip(axes, ranks, strict=True):
        for axis, column in zip(line, COLUMNS, strict=True):
            own = traces.filter(pa.array((rank_of == rank) & (column_of == column)))
            _trace(axis, own, f"{rank}: {own['participant'][0]}", column)
            if demo:
                axis.set_facecolor(DEMO_SHADE)
        line[0].set_ylabel("from -1 to 1", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("seconds", fontsize=8)


def _trace(axis: Axes, own: pa.Table, who: str, column: str) -> None:
    time, target, prediction = (numbers(own[name]) for name in ("time_s", "target", "prediction"))
    axis.axhline(0.0, color=CHANCE, linewidth=0.8)
    axis.plot(time, target, color=ANNOTATED, linewidth=1.4)
    axis.plot(time, prediction, color=PREDICTED, linewidth=1.2)
    axis.set_ylim(-1.05, 1.05)
    axis.set_yticks([-1, 0, 1])
    axis.margins(x=0)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0, labelsize=8)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.set_title(f"{who}, {column}: CCC {own['ccc'][0].as_py():.2f}", fontsize=9, color=INK, loc="left")


def _lines(seed: int) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=ANNOTATED, linewidth=1.4, label="annotation; gaps: invalid labels"),
        Line2D([], [], color=PREDICTED, linewidth=1.2, label=f"prediction of the model, seed {seed}"),
    ]
