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
