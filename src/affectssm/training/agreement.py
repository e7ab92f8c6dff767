"""Agreement between predicted and annotated values.

CCC is Lin's concordance correlation coefficient with population variances on the concatenation of all frames of a
corpus: ``2 cov / (var_x + var_y + (mean_x - mean_y)^2)``. It is computed from six sums a recording, so that leaving a
recording out is a subtraction instead of a pass over the frames.

At the edges: a constant beside something that varies, or beside another constant, has covariance 0 and so a CCC of 0.
Two equal constants have none (0 / 0), nor has a single frame, of which neither variance nor covariance can be told:
both are NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
N_MOMENTS = 6  # n, sum x, sum y, sum x^2, sum y^2, sum xy
ROUNDING = 1e-14  # of a mean square, from where a difference of squares is one: 45 units in the last place


def moments(prediction: Array, target: Array, shift: float = 0.5) -> Array:
    """The six sums of a set of paired frames (T,), (T,) -> (6,).

    Both are shifted, against cancellation; CCC does not change under a shift of both.

    Args:
        prediction, target: paired frames.
        shift: taken from both; the middle of the scale. Sums that are added up need the same one.

    Raises:
        ValueError: when the two differ in length.
    """
    x = np.asarray(prediction, dtype=np.float64) - shift
    y = np.asarray(target, dtype=np.float64) - shift
    if x.shape != y.shape:
        raise ValueError(f"{x.shape} predictions for {y.shape} targets")
    return np.array([x.size, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])


def ccc_of_moments(sums: Array) -> Array:
    """CCC of added-up moments (..., 6) -> (...); NaN for fewer than two frames and for two equal constants."""
    n, sx, sy, sxx, syy, sxy = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mx, my = sx / n, sy / n
        variance_x = np.maximum(sxx / n - mx * mx, 0.0)
        variance_y = np.maximum(syy / n - my * my, 0.0)
        denominator = variance_x + variance_y + (mx - my) ** 2
        told = (n > 1) & (denominator > ROUNDING * np.maximum(1.0, (sxx + syy) / n))
        return np.where(told, 2.0 * (sxy / n - mx * my) / denominator, np.nan)


def ccc(prediction: Array, target: Array) -> float:
    """CCC of paired frames (T,), (T,) on any scale; NaN for fewer than two frames and for two equal constants."""
    y = np.asarray(target, dtype=np.float64)
    return float(ccc_of_moments(moments(prediction, y, float(y.mean()) if y.size else 0.0)))
