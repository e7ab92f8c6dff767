"""The common clock: when its frames are, and which native rows each of them lies between.

Times are seconds from the start of the recording and mean the centre of what a row or frame summarises:

* label row i covers [i/25, (i+1)/25) s, its centre is (i + 0.5)/25;
* clock frame k of a clock of c Hz has its centre at (k + 0.5)/c.

So at 100 Hz label row i is made of clock frames 4i to 4i+3, and at 25 Hz of clock frame i alone. Nothing is resampled
here: :func:`affectssm.media.spacing.gather` says between which rows a clock frame lies and how far along, and the
interpolation follows when a batch has been transferred.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LABEL_HZ = 25


def ratio(clock_hz: int) -> int:
    """Clock frames in a label frame (4 at 100 Hz).

    Raises:
        ValueError: if a label frame is no whole number of clock frames.
    """
    if clock_hz < LABEL_HZ or clock_hz % LABEL_HZ:
        raise ValueError(f"a clock of {clock_hz} Hz does not divide a label frame of 1/{LABEL_HZ} s")
    return clock_hz // LABEL_HZ


def clock_times(start: int, stop: int, clock_hz: float) -> np.ndarray:
    """Centres, in seconds, of clock frames ``start`` to ``stop`` - 1: (stop - start,) float64."""
    return (np.arange(start, stop, dtype=np.float64) + 0.5) / clock_hz


def to_labels(frames: Any, clock_hz: int, axis: int = -1) -> Any:
    """Mean over the clock frames of each label frame.

    Args:
        frames: array or tensor with L clock frames along ``axis``, the first of them the first of a label frame.
        clock_hz: 25 or 100.
        axis: the axis of the frames.

    Returns:
        The same kind with L / ratio label frames along ``axis``.
    """
    axis %= frames.ndim
    shape = frames.shape
    return frames.reshape(*shape[:axis], -1, ratio(clock_hz), *shape[axis + 1 :]).mean(axis + 1)
