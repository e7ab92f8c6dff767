"""The common clock: when its frames are, and which native rows each of them lies between.

Times are seconds from the start of the recording and mean the centre of what a row or frame summarises:

* row i of labels at f Hz covers [i/f, (i+1)/f) s, its centre is (i + 0.5)/f;
* clock frame k of a clock of c Hz has its centre at (k + 0.5)/c.

So with labels at 25 Hz label row i is made of clock frames 4i to 4i+3 of a clock of 100 Hz, and of clock frame i alone
of one of 25 Hz. Nothing is resampled here: :func:`affectssm.media.spacing.gather` says between which rows a clock frame
lies and how far along, and the interpolation follows when a batch has been transferred.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def ratio(clock_hz: float, label_hz: float) -> int:
    """Clock frames in a label frame (4 at 100 Hz of labels at 25 Hz).

    Raises:
        ValueError: if a label frame is no whole number of clock frames.
    """
    if clock_hz < label_hz or clock_hz % label_hz:
        raise ValueError(f"a clock of {clock_hz} Hz does not divide a label frame of 1/{label_hz} s")
    return round(clock_hz / label_hz)


def clock_times(start: int, stop: int, clock_hz: float) -> np.ndarray:
    """Centres, in seconds, of clock frames ``start`` to ``stop`` - 1: (stop - start,) float64."""
    return (np.arange(start, stop, dtype=np.float64) + 0.5) / clock_hz


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
