"""Sequences of any length brought to a common number of steps, over the rows that count."""

from __future__ import annotations

from typing import Literal

import numpy as np

Spread = Literal["share", "row", "first"]
"""share: step l of L is the l-th of L equal shares of a sequence; row: it is row l, and what is missing is padding;
first: as row, and the rows after the L-th are dropped, where a mean of rows would say nothing."""


def to_steps(
    value: np.ndarray, valid: np.ndarray, steps: int, spread: Spread
) -> tuple[np.ndarray, np.ndarray]:
    """Bring a sequence to so many steps.

    Each step is the mean of the valid rows of its share; a step without one is not valid, and zero. A sequence of
    fewer rows than steps gives a step the row that lies at its centre. By rows, a sequence longer than the steps is
    brought to them by shares.

    Args:
        value: (T, D) rows, T at least 1.
        valid: (T,) bool.
        steps: L.
        spread: how.

    Returns:
        (L, D) float32 and (L,) bool.
    """
    if spread == "first":
        value, valid = value[:steps], valid[:steps]
    rows = len(value)
    if spread != "share" and rows <= steps:
        found, counts = np.zeros((steps, value.shape[1]), np.float32), np.zeros(steps, bool)
        counts[:rows] = valid
        found[:rows][valid] = value[valid]
        return found, counts
    if rows < steps:
        at = ((np.arange(steps) + 0.5) * rows / steps).astype(np.int64)
        return np.where(valid[at, None], value[at], 0).astype(np.float32), valid[at]
    first = np.arange(steps) * rows // steps
    count = np.add.reduceat(valid.astype(np.int64), first)
    total = np.add.reduceat(np.where(valid[:, None], value, 0).astype(np.float64), first, axis=0)
    return (total / np.maximum(count, 1)[:, None]).astype(np.float32), count > 0
