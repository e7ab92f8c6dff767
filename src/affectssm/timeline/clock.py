"""The common clock: when its frames are, and which native rows each of them lies between.

Times are seconds from the start of the recording and mean the centre of what a row or frame summarises:

* row i of labels at f Hz covers [i/f, (i+1)/f) s, its centre is (i + 0.5)/f;
* clock frame k of a clock of c Hz has its centre at (k + 0.5)/c.

So with labels at 25 Hz label row i is made of clock frames 4i to 4i+3 of a clock of 100 Hz, and of clock frame i alone
of one of 25 Hz. Nothing is resampled here: :func:`gather` says between which rows a clock frame lies and how far along,
and the interpolation follows when a batch has been transferred.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affectssm.media.spacing import SLACK, are_neighbours


def ratio(clock_hz: int, label_hz: int) -> int:
    """Clock frames in a label frame (4 at 100 Hz of labels at 25 Hz).

    Raises:
        ValueError: if a label frame is no whole number of clock frames.
    """
    if clock_hz < label_hz or clock_hz % label_hz:
        raise ValueError(f"a clock of {clock_hz} Hz does not divide a label frame of 1/{label_hz} s")
    return clock_hz // label_hz


def clock_times(start: int, stop: int, clock_hz: float) -> np.ndarray:
    """Centres, in seconds, of clock frames ``start`` to ``stop`` - 1: (stop - start,) float64."""
    return (np.arange(start, stop, dtype=np.float64) + 0.5) / clock_hz


def gather(
    time: np.ndarray, valid: np.ndarray, times: np.ndarray, period: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Say between which native rows each clock frame lies.

    The value of a frame is ``(1 - phase) * value[index] + phase * value[min(index + 1, T - 1)]``. A frame between two
    rows is valid if both are and they are neighbours (:mod:`affectssm.media.spacing`); a frame on a row needs that row
    alone. Before the first and after the last row that row is held, for one native period at most.

    Args:
        time: (T,) float64, increasing: the rows' centres in seconds; any spacing.
        valid: (T,) bool.
        times: (L,) float64: the frames' centres in seconds.
        period: nominal seconds between two rows.

    Returns:
        index (L,) int64 in [0, T-1], phase (L,) float32 in [0, 1), valid (L,) bool. Without rows all frames are invalid
        and the index is 0.
    """
    rows, frames = len(time), len(times)
    if rows == 0:
        return np.zeros(frames, np.int64), np.zeros(frames, np.float32), np.zeros(frames, bool)
    slack = SLACK * period
    # the slack puts a frame that lies on a row, but for rounding, to that row and not to the one before
    index = np.clip(np.searchsorted(time, times + slack, side="right") - 1, 0, rows - 1)
    after = np.minimum(index + 1, rows - 1)
    distance = times - time[index]
    gap = time[after] - time[index]
    gap_before = time[index] - time[np.maximum(index - 1, 0)]
    gap_after = time[np.minimum(after + 1, rows - 1)] - time[after]
    between = (distance > slack) & (gap > 0)
    phase = np.where(between, distance / np.where(gap > 0, gap, 1.0), 0.0)
    held = np.abs(distance) <= period + slack
    whole = valid[after] & are_neighbours(gap_before, gap, gap_after, period)
    return index, phase.astype(np.float32), valid[index] & np.where(between, whole, held)


def to_labels(frames: Any, per_label: int, axis: int = -1) -> Any:
    """Mean over the clock frames of each label frame.

    Args:
        frames: array or tensor with L clock frames along ``axis``, the first of them the first of a label frame.
        per_label: clock frames in a label frame (:func:`ratio`).
        axis: the axis of the frames.

    Returns:
        The same kind with L / per_label label frames along ``axis``.
    """
    axis %= frames.ndim
    shape = frames.shape
    return frames.reshape(*shape[:axis], -1, per_label, *shape[axis + 1 :]).mean(axis + 1)
