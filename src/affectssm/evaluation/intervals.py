"""95 % intervals over independent units: the jackknife's standard error and Student's t.

The independent unit is a recording (two people of one conversation are not independent, frames even less) or a subject.
Every unit is left out in turn, for every seed of the experiment at once; the mean over seeds is taken inside. With n
units and the statistic theta_(i) without unit i,

    se^2 = (n - 1) / n * sum_i (theta_(i) - mean theta_(.))^2        interval: theta +- t_(n-1, 0.975) se

(Tukey 1958; Efron and Tibshirani, An Introduction to the Bootstrap, chapter 11). For a mean over units this is the
t-interval. For CCC on the concatenation of all frames it leaves out whole recordings. Global is a mean of independent
corpora: their variances add up, with Welch's and Satterthwaite's degrees of freedom.

Chosen by simulated coverage (tests/evaluation/test_intervals.py does it again): with 6 units a percentile or BCa
bootstrap of CCC covers 76 to 79 of 100, of a mean 79 to 86; this one 92 and, but for very skewed values, 94 to 95.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectssm.training.agreement import ccc_of_moments

Array = NDArray[np.float64]

LEVEL = 0.95
MIN_UNITS = 6
"""No interval below it: six is the fewest at which a test that assumes nothing (of signs) can reach 5 % at all,
2 / 2^6; below it an interval would rest on the assumption of normal values alone."""
LEAST_SPREAD = 1e-9  # of the value: below it units are alike but for rounding


@dataclass(frozen=True)
class Interval:
    """An interval; NaN on both sides where there is none."""

    low: float
    high: float


NO_INTERVAL = Interval(float("nan"), float("nan"))


def ccc_without(sums: Array) -> Array:
    """Mean over seeds of the CCC without each unit: moments (seeds, units, 6) -> (units,); NaN where undefined."""
    return ccc_of_moments(sums.sum(axis=1, keepdims=True) - sums).mean(axis=0)


def mean_without(values: Array, weights: Array) -> Array:
    """Mean over seeds of a weighted mean of unit values without each unit.

    Args:
        values: (seeds, units) sums within a unit.
        weights: (seeds, units) how many terms each sum has.

    Returns:
        (units,); NaN where nothing is left.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        left = [x.sum(axis=1, keepdims=True) - x for x in (values, weights)]
        return (left[0] / left[1]).mean(axis=0)


def jackknife_interval(
    value: float, without: Sequence[Array], bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """The interval around a statistic, or around the mean of a statistic over independent groups of units.

    Args:
        value: of all units.
        without: of every group (a corpus), (units,) the statistic without each of its units.
        bounds: what the statistic cannot leave, nor its interval.

    Returns:
        NO_INTERVAL where a group has fewer than :data:`MIN_UNITS`, where units are alike, so that there is no spread to
        judge by, or where the statistic is undefined without one of them.
    """
    from scipy.special import stdtrit  # here: the package is imported where a graph is built

    if not np.isfinite(value) or not without or min(len(own) for own in without) < MIN_UNITS:
        return NO_INTERVAL
    sizes = np.array([len(own) for own in without])
    variances = np.array([(len(own) - 1) * own.var() for own in without]) / len(without) ** 2
    spread = float(np.sqrt(variances.sum()))
    if not spread > LEAST_SPREAD * max(1.0, abs(value)):
        return NO_INTERVAL
    freedom = variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum()
    half = float(stdtrit(freedom, 0.5 + LEVEL / 2)) * spread  # scipy.stats takes half a second to import
    return Interval(max(value - half, bounds[0]), min(value + half, bounds[1]))


@dataclass(frozen=True)
class Score:
    """A number as a table prints it: mean and sd over seeds, interval over recordings or subjects."""

    value: float
    sd: float
    low: float
    high: float


NO_SCORE = Score(*([float("nan")] * 4))


def summarise(per_seed: Sequence[float], interval: Interval) -> Score:
    """Mean over the seeds (not an ensemble), sd with n - 1."""
    sd = float(np.std(per_seed, ddof=1)) if len(per_seed) > 1 else float("nan")
    value = float(np.mean(per_seed)) if np.isfinite(per_seed).all() else float("nan")
    return Score(value, sd, interval.low, interval.high)
