"""The figure of labels over time: the scores, and below them what was predicted beside what was labelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from affectssm.store.arrow import numbers
from affectssm.tables.figure import (
    CHANCE,
    DEMO_INK,
    DEMO_SHADE,
    GRID,
    INK,
    MEASURED,
    Words,
    finish,
    mark,
    measured_label,
    new_figure,
    panels,
    size_of,
)
from affectssm.tables.page import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.lines import Line2D

WORDS = Words()
TRACE_HEIGHT = 1.5  # inches
ANNOTATED, PREDICTED = INK, MEASURED[0]  # as the first model in the panels above


def draw(
    title: str,
    rows: Sequence[Row],
    labels: Sequence[str],
    metrics: Mapping[str, str],
    traces: pa.Table,
    path: Path,
) -> None:
    """Write the figure as PNG.

    Args:
        title, rows, labels, metrics: of the panels of scores, see :func:`affectssm.tables.figure.draw`.
        traces: of the people shown below them, of the first row, in the form of those of video.
        path: of the PNG.
    """
    ranks = list(dict.fromkeys(traces["rank"].to_pylist()))
    width, height = size_of(rows, metrics)
    below = TRACE_HEIGHT * len(ranks) + 0.3
    figure = new_figure(width, height + (below if ranks else 0.0))
    split = rows[0]["split"] if rows else ""
    handles = [mark("s", MEASURED[0], MEASURED[0], measured_label(split, rows, WORDS))]
    if ranks:
        upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(height, below))[:, 0]
        panels(upper, rows, labels, metrics, WORDS)
        _over_time(lower, traces, ranks, labels[0])
        handles += _lines(labels[0], traces["seed"][0].as_py())
    else:
        panels(figure, rows, labels, metrics, WORDS)
    handles += warned(rows)
    finish(figure, title, path, handles, any(row["data"] == "demo" for row in rows))


def warned(rows: Sequence[Row]) -> list[Line2D]:
    """Return what the legend says of rows of random encoders: a figure is shown without its table's notes."""
    random = any(row["weights"] == "random" for row in rows)
    return [mark("s", DEMO_INK, DEMO_SHADE, "encoders with random weights: no result")] if random else []


def _over_time(figure: SubFigure, traces: pa.Table, ranks: Sequence[str], of_row: str) -> None:
    """A line of panels a person, a panel a label."""
    of = traces["of"][0].as_py()
    figure.suptitle(f"{of_row} over time: of {of} participants, by the mean of their own CCCs", fontsize=10)
    columns = list(dict.fromkeys(traces["column"].to_pylist()))
    axes = figure.subplots(len(ranks), len(columns), sharex="row", sharey="col", squeeze=False)
    rank_of, column_of = (np.array(traces[name].to_pylist()) for name in ("rank", "column"))
    for line, rank in zip(axes, ranks, strict=True):
        for axis, column in zip(line, columns, strict=True):
            own = traces.filter(pa.array((rank_of == rank) & (column_of == column)))
            who = f"{own['recording'][0]}/{own['participant'][0]}"
            _trace(axis, own, f"{rank}: {who}, {column}")
    for axis in axes[-1]:
        axis.set_xlabel("seconds", fontsize=8)


def _trace(axis: Axes, own: pa.Table, title: str) -> None:
    time, target, prediction = (numbers(own[name]) for name in ("time_s", "target", "prediction"))
    axis.plot(time, target, color=ANNOTATED, linewidth=1.4)
    axis.plot(time, prediction, color=PREDICTED, linewidth=1.2)
    axis.margins(x=0)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0, labelsize=8)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(CHANCE)
    axis.set_title(f"{title}: CCC {own['ccc'][0].as_py():.2f}", fontsize=9, color=INK, loc="left")


def _lines(model: str, seed: int) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=ANNOTATED, linewidth=1.4, label="label; gaps: no valid label"),
        Line2D([], [], color=PREDICTED, linewidth=1.2, label=f"prediction of {model}, seed {seed}"),
    ]
