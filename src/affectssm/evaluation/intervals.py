"""Bootstrap intervals over recordings.

The independent unit is a recording (two people of one dialogue are not independent, frames even less). A
resample draws recordings with replacement inside each corpus, adds up their moments and takes the CCC, for
every seed of the experiment with the same draw; the mean over seeds is taken inside the resample. Global is
the mean of the corpora's CCCs of the same resample, so it is resampled jointly. The draws depend on the
bootstrap seed, the corpus and the
number of its recordings alone: two models are compared on the same draws.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affectssm.evaluation.metrics import ccc_of_moments

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A percentile interval; NaN on both sides where fewer than two units leave nothing to resample."""

    low: float
    high: float


def counts(key: str, n_units: int, resamples: int, seed: int) -> Array:
    """How often each unit was drawn in each resample: (resamples, n_units), every row sums to n_units."""
    rng = np.random.default_rng([seed, zlib.crc32(key.encode()), n_units])
    return rng.multinomial(n_units, np.full(n_units, 1.0 / n_units), size=resamples).astype(np.float64)


def resampled_ccc(sums: Array, drawn: Array) -> Array:
    """Mean over seeds of the CCC in each resample.

    Args:
        sums: (seeds, units, 6) moments.
        drawn: (resamples, units) counts.

    Returns:
        (resamples,); NaN where a seed's CCC is undefined in that resample.
    """
    pooled = np.einsum("ru,sum->srm", drawn, sums)  # (seeds, resamples, 6)
    return ccc_of_moments(pooled).mean(axis=0)


def resampled_mean(values: Array, weights: Array, drawn: Array) -> Array:
    """Mean over seeds of a weighted mean of unit values in each resample.

    Args:
        values: (seeds, units) sums within a unit.
        weights: (seeds, units) how many terms each sum has.
        drawn: (resamples, units) counts.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((values @ drawn.T) / (weights @ drawn.T)).mean(axis=0)


def percentile_interval(resampled: Array, n_units: int, level: float = 0.95) -> Interval:
    """The central percentile interval of a statistic's resamples."""
    defined = resampled[np.isfinite(resampled)]
    if n_units < 2 or defined.size == 0:
        return Interval(float("nan"), float("nan"))
    tail = 100.0 * (1.0 - level) / 2.0
    low, high = np.percentile(defined, [tail, 100.0 - tail])
    return Interval(float(low), float(high))
