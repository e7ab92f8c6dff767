"""Which of the rated trials the stimulus onsets of a recording belong to, when some are missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TOLERANCE_S = 2.0
CLEARLY = 4.0  # how many times closer the best match must be than any other
# The readme says microseconds; the table's numbers only fit the trials' length as tenths of milliseconds.
UNITS_S = (1e-4, 1e-6, 1e-3, 1.0)


def align(onsets_s: Sequence[float], starts: Sequence[float]) -> list[int] | None:
    """Return the place in ``starts`` of each onset, or None where that cannot be told.

    Onsets and starts count from different beginnings and the unit of the starts is not certain, so what is matched are
    the gaps: every unit and every shift that puts the first onset on a start is tried, and one that puts all onsets on
    starts of their own, in order, within two seconds, is a match. One match, or one clearly closer than any other, is
    the answer.

    Args:
        onsets_s: rising times in seconds.
        starts: starts of the rated trials in the order of presentation, in one unknown unit.
    """
    if not 2 <= len(onsets_s) <= len(starts):
        return None
    onsets, table = np.asarray(onsets_s, float), np.asarray(starts, float)
    matches: dict[tuple[int, ...], float] = {}
    for unit in UNITS_S:
        times = table * unit
        for first in range(len(times)):
            shifted = times - times[first] + onsets[0]
            places = np.abs(onsets[:, None] - shifted[None]).argmin(axis=1)
            error = onsets - shifted[places]
            if np.all(np.diff(places) > 0) and np.abs(error).max() <= TOLERANCE_S:
                spread = float(error.std())
                key = tuple(places.tolist())
                matches[key] = min(spread, matches.get(key, np.inf))
    ranked = sorted(matches, key=lambda key: matches[key])
    if not ranked or (len(ranked) > 1 and matches[ranked[0]] * CLEARLY >= matches[ranked[1]]):
        return None
    return list(ranked[0])
