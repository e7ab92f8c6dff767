"""Answers over time as a picture: a panel a recording and quantity, a colour a person, and where nobody can tell.

Below the panels of a recording a bar a person says where answers are valid; a line breaks where they are not.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from affectssm.serving.pack_format import Description
from affectssm.tables.figure import DEMO_INK, DEMO_SHADE, GRID, INK, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# told apart by people who see colours otherwise, too (Okabe and Ito)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MOST_POINTS = 3000  # of a line; a picture is not as wide
MOST_RECORDINGS, MOST_NAMED = 8, 12
_WIDE, _PANEL, _BAR = 10.0, 1.9, 0.22  # inches


@dataclass(frozen=True)
class Line:
    """Answers for a person of a recording: (T,) each; values are NaN where not valid."""

    recording: str
    participant: str
    start: np.ndarray
    stop: np.ndarray
    time: np.ndarray
    valid: np.ndarray
    values: Mapping[str, np.ndarray]


def draw(table: pa.Table, told: Description, notes: Sequence[str], path: Path) -> None:
    """Write answers as PNG.

    Args:
        table: of answers.
        told: of the model, which knows the range of what it answers.
        notes: that stand below.
        path: of the picture.
    """
    import matplotlib as mpl

    with mpl.rc_context({"text.parse_math": False}):  # a dollar in a file's name is no formula
        _draw(table, told, notes, path)


def _draw(table: pa.Table, told: Description, notes: Sequence[str], path: Path) -> None:
    lines = list(lines_of(table, list(told.quantities)))
    recordings = list(dict.fromkeys(line.recording for line in lines))
    shown = recordings[:MOST_RECORDINGS]
    notes = [
        *notes,
        *([f"the first {len(shown)} of {len(recordings)} recordings"] if shown != recordings else []),
    ]
    groups = [[line for line in lines if line.recording == one] for one in shown]
    heights = [h for group in groups for h in ([_PANEL] * len(told.quantities) + [_bars(group)])] or [1.0]
    figure: Any = new_figure(_WIDE, sum(heights) + 0.9 + 0.22 * len(notes))
    axes = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    per = len(told.quantities) + 1
    for number, group in enumerate(groups):
        own = axes[number * per : (number + 1) * per]
        _recording(own, group, told, title=len(groups) > 1)
    axes[-1].set_xlabel("seconds", fontsize=8)
    figure.suptitle(f"{told.title}: {', '.join(told.quantities)}", fontsize=11, color=INK, fontweight="bold")
    if notes:
        text = "\n".join(textwrap.fill(note, 150) for note in notes)
        box = {"facecolor": DEMO_SHADE, "edgecolor": "none"} if told.demo else None
        figure.supxlabel(
            text, fontsize=7.5, x=0.01, ha="left", color=DEMO_INK if told.demo else INK, bbox=box
        )
    save(figure, path)


def lines_of(table: pa.Table, quantities: Sequence[str]) -> Iterator[Line]:
    """Yield a table's people, in their order."""
    keys = list(zip(table["recording"].to_pylist(), table["participant"].to_pylist(), strict=True))
    columns = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names[2:]}
    for key in dict.fromkeys(keys):
        rows = np.array([own == key for own in keys], bool)
        start, stop, time, valid = (columns[name][rows] for name in ("start_s", "stop_s", "time_s", "valid"))
        values = {name: np.where(valid, columns[name][rows].astype(float), np.nan) for name in quantities}
        yield Line(*key, start, stop, time, valid.astype(bool), values)


def _span_of(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """The range of values that come without one."""
    there = np.concatenate([own[np.isfinite(own)] for own in values])
    if not len(there):
        return 0.0, 1.0
    low, high = float(there.min()), float(there.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _bars(group: Sequence[Line]) -> float:
    return 0.25 + _BAR * len(group)


def _recording(axes: Sequence[Axes], group: Sequence[Line], told: Description, title: bool) -> None:
    """Draw a recording: a panel a quantity, and the bars."""
    begin = min(float(line.start[0]) for line in group)
    end = max(float(line.stop[-1]) for line in group)
    for axis, (name, span) in zip(axes, told.quantities.items(), strict=False):
        _panel(axis, name, *(span or _span_of([line.values[name] for line in group])))
        for number, line in enumerate(group):
            colour = COLOURS[number % len(COLOURS)]
            if told.by_item:
                axis.hlines(line.values[name], line.start, line.stop, color=colour, linewidth=2)
            else:
                _line(axis, line, line.values[name], colour)
        axis.set_xlim(begin, end)
        axis.tick_params(labelbottom=False)
    if title:
        axes[0].set_title(group[0].recording, fontsize=9, loc="left", color=INK)
    bars = axes[-1]
    for number, line in enumerate(group):
        _bar(bars, line, number, COLOURS[number % len(COLOURS)])
    names = [f"{line.participant} valid" for line in group]
    bars.set_yticks(range(len(group)), names if len(group) <= MOST_NAMED else [""] * len(group), fontsize=7.5)
    bars.set_ylim(len(group) - 0.5, -0.5)
    bars.set_xlim(begin, end)
    _plain(bars)


def _panel(axis: Axes, name: str, low: float, high: float) -> None:
    room = 0.05 * (high - low)
    axis.set_ylim(low - room, high + room)
    axis.set_ylabel(name, fontsize=8.5, color=INK)
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    if low < 0 < high:
        axis.axhline(0.0, color="#9aa0a6", linewidth=0.8)
    _plain(axis)


def _plain(axis: Axes) -> None:
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0, labelsize=7.5)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _line(axis: Axes, line: Line, values: np.ndarray, colour: str) -> None:
    """A line that breaks at gaps; a lone row between gaps is a dot."""
    time, values = thinned(line.time, values)
    there = np.isfinite(values)
    alone = there & ~np.r_[False, there[:-1]] & ~np.r_[there[1:], False]
    axis.plot(time, values, color=colour, linewidth=1.1)
    axis.plot(time[alone], values[alone], ".", color=colour, markersize=2.5)
    if there.any():  # what lies off the axis is seen all the same
        low, high = axis.get_ylim()
        axis.set_ylim(min(low, float(np.nanmin(values))), max(high, float(np.nanmax(values))))


def thinned(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a line of at most :data:`MOST_POINTS` points: means of neighbours; NaN where none of them is there."""
    every = -(-len(time) // MOST_POINTS)
    if every <= 1:
        return time, values
    starts = np.arange(0, len(time), every)
    there = np.isfinite(values)
    count = np.add.reduceat(there.astype(float), starts)
    total = np.add.reduceat(np.where(there, values, 0.0), starts)
    mean = np.divide(total, count, out=np.full(len(starts), np.nan), where=count > 0)
    return np.add.reduceat(time, starts) / np.diff(np.r_[starts, len(time)]), mean


def _bar(axis: Axes, line: Line, place: int, colour: str) -> None:
    """Where a person's answers are valid."""
    whole = (float(line.start[0]), float(line.stop[-1] - line.start[0]))
    axis.broken_barh([whole], (place - 0.3, 0.6), facecolors="#eceef0")
    change = np.flatnonzero(np.diff(np.r_[False, line.valid, False].astype(int)))
    spans = [
        (float(line.start[a]), float(line.stop[b - 1] - line.start[a])) for a, b in change.reshape(-1, 2)
    ]
    axis.broken_barh(spans, (place - 0.3, 0.6), facecolors=colour)
