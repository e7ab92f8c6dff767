"""Which successive rows of a track are neighbours, and what lies between those that are not.

A recorder may slow down for a while: its pictures are then further apart than usual, but evenly so, and what lies
between two of them is known as well as before. A picture that was lost, or a freeze, leaves a gap that is
large beside the gaps around it. So a gap is judged by the spacing around it and by the nominal period, never by
a rate that is an average over the whole file, which every hole changes.
"""

from __future__ import annotations

import numpy as np

MAX_GAP = 2.0  # spacings: two rows this far apart have lost a row between them
SLOWEST = 5.0  # nominal periods: rows further apart than this say nothing of what lies between them
SLACK = 1e-4  # nominal periods: times closer than this are the same time (times of rows are sums of floats)


def are_neighbours(before: np.ndarray, gap: np.ndarray, after: np.ndarray, period: float) -> np.ndarray:
    """Whether the rows on the two sides of a gap are neighbours, so that what lies between may be interpolated.

    They are if less than two nominal periods lie between them; or no more than five, where the gap before or
    the one after is a similar one (neither half as wide nor twice as wide).

    Args:
        before, gap, after: (N,) seconds between successive rows; the gap that is judged, and those before and
            after it (0 where there is none).
        period: nominal seconds between two rows.

    Returns:
        (N,) bool.
    """
    slack = SLACK * period
    near = gap < MAX_GAP * period - slack
    even = [(gap < MAX_GAP * other - slack) & (other < MAX_GAP * gap - slack) for other in (before, after)]
    return near | ((even[0] | even[1]) & (gap <= SLOWEST * period + slack))


def holes(time: np.ndarray, period: float) -> np.ndarray:
    """Where a track has holes.

    Args:
        time: (T,) rising centres of the rows in seconds, each row one period long.
        period: nominal seconds between two rows.

    Returns:
        (H, 2) seconds: from the end of the last row before a hole to the start of the first one after it.
    """
    gap = np.diff(time)
    padded = np.concatenate([[0.0], gap, [0.0]])
    open_ = ~are_neighbours(padded[:-2], gap, padded[2:], period)
    return np.stack([time[:-1][open_] + period / 2, time[1:][open_] - period / 2], axis=1)


def gather(
    time: np.ndarray, valid: np.ndarray, times: np.ndarray, period: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Say between which native rows each frame of a clock lies.

    The value of a frame is ``(1 - phase) * value[index] + phase * value[min(index + 1, T - 1)]``. A frame between two
    rows is valid if both are and they are neighbours; a frame on a row needs that row
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
