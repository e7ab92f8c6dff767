"""The label controls' exchange: who gets whose labels, without anyone who keeps their own."""

from __future__ import annotations

import numpy as np


def looking_ahead(line: np.ndarray, step: int = 1) -> np.ndarray:
    """Everyone in a line takes from the one ``step`` places ahead, the last ones from the first.

    Args:
        line: (n,) the numbers 0 to n - 1 in the order of the line.
        step: places; a multiple of n would leave everyone their own.

    Returns:
        (n,) the donor of each number, a permutation without a fixed point.

    Raises:
        ValueError: if everyone would keep their own, as a single one must.
    """
    if step % len(line) == 0:
        raise ValueError(f"{len(line)} looking {step} ahead would keep their own")
    donors = np.empty(len(line), np.int64)
    donors[line] = np.roll(line, -step)
    return donors
