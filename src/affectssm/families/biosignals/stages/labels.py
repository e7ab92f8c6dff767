"""Ratings of trials as classes: which trials are rated, and what counts as high."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from affectssm.settings.biosignals import ProtocolSettings

if TYPE_CHECKING:
    from affectssm.timeline.segments import SegmentIndex


def high(ratings: np.ndarray, settings: ProtocolSettings) -> np.ndarray:
    """Return (N,) int64: 1 for a high rating, 0 for a low one, -1 where there is none (NaN)."""
    ratings = np.asarray(ratings, np.float64)
    above = ratings >= settings.threshold if settings.equal == "high" else ratings > settings.threshold
    return np.where(np.isnan(ratings), -1, above.astype(np.int64))


def classes(index: SegmentIndex, rows: np.ndarray, protocol: ProtocolSettings, dimension: str) -> np.ndarray:
    """Return (n,) int64: 1 for a high rating of the segment's trial, 0 for a low one."""
    return high(index.labels[dimension][rows], protocol)


def rated(index: SegmentIndex, dimension: str) -> np.ndarray:
    """Return the rows of the segments whose trials have a rating."""
    return np.flatnonzero(~np.isnan(index.labels[dimension]))
