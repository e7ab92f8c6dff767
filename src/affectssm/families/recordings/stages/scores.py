"""Scores of labels per frame from the six sums of each recording: CCC, Pearson's correlation and RMSE.

All are of the valid label frames of all recordings together, each reported once, by whichever model had not seen it;
``ccc_participant`` is the mean of the participants' own CCCs, ``spread`` the labels' deviation from their mean, which
is the RMSE of the best constant answer. Where there are several labels, ``average`` is their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affectssm.evaluation.frame_reading import Part, Run
from affectssm.evaluation.frame_rows import seed_rows
from affectssm.evaluation.frame_scores import Cell
from affectssm.evaluation.intervals import NO_SCORE, jackknife_interval, summarise
from affectssm.training.agreement import ROUNDING

Array = NDArray[np.float64]
CCC, BY_PARTICIPANT, PEARSON, RMSE = "ccc", "ccc_participant", "pearson", "rmse"
SPREAD = "spread"  # deviation of the labels from their mean: the RMSE of the best constant answer
METRICS = (CCC, BY_PARTICIPANT, PEARSON, RMSE, SPREAD)
MAE, ACCURACY, F1 = "mae", "accuracy", "f1"
REGRESSION, CLASSIFICATION = (CCC, PEARSON, MAE, RMSE), (ACCURACY, F1)
"""Metrics of recordings as a whole."""
CONSTANT = {MAE: "mae_constant", ACCURACY: "accuracy_constant"}
"""Metric -> what the best constant answer scores of it, in a column of its own."""
BOUNDS = (
    dict.fromkeys((CCC, BY_PARTICIPANT, PEARSON), (-1.0, 1.0))
    | dict.fromkeys((RMSE, SPREAD, MAE), (0.0, np.inf))
    | dict.fromkeys((ACCURACY, F1), (0.0, 1.0))
)
AVERAGE = "average"
AVERAGED = (CCC, BY_PARTICIPANT, PEARSON)  # what has no unit
NAN = float("nan")


def pearson_of(sums: Array) -> Array:
    """Pearson's correlation of added-up moments (..., 6) -> (...); NaN where one side does not vary."""
    n, sx, sy, sxx, syy, sxy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_x, of_y = sxx / n - (sx / n) ** 2, syy / n - (sy / n) ** 2
        floor = [ROUNDING * np.maximum(1.0, square / n) for square in (sxx, syy)]
        told = (n > 1) & (of_x > floor[0]) & (of_y > floor[1])
        found = (sxy / n - sx * sy / n**2) / np.sqrt(of_x * of_y)
        return np.where(told, np.clip(found, -1.0, 1.0), np.nan)


def rmse_of(sums: Array) -> Array:
    """Root of the mean squared difference of added-up moments (..., 6) -> (...); NaN without a frame."""
    n, _, _, sxx, syy, sxy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.maximum(sxx + syy - 2.0 * sxy, 0.0) / n)


def spread_of(sums: Array) -> Array:
    """Deviation of the labels from their mean, of added-up moments (..., 6) -> (...); NaN without a frame."""
    n, _, sy, _, syy, _ = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.maximum(syy / n - (sy / n) ** 2, 0.0))


@dataclass(frozen=True)
class Scored:
    """A metric of a label: of each seed, (seeds,); and its mean over seeds without each recording, (units,)."""

    values: list[float]
    without: Array


def scored(cell: Cell) -> dict[str, Scored]:
    """Return the metrics of a cell that has numbers."""
    left = cell.sums.sum(axis=1, keepdims=True) - cell.sums
    found = {name: Scored(cell.values(name), cell.without[name]) for name in (CCC, BY_PARTICIPANT)}
    for name, of in ((PEARSON, pearson_of), (RMSE, rmse_of), (SPREAD, spread_of)):
        found[name] = Scored([float(v) for v in of(cell.sums.sum(axis=1))], of(left).mean(axis=0))
    return found


def rows_of(
    experiment: str, part: Part, cells: Mapping[str, Cell], runs: Sequence[Run]
) -> list[dict[str, Any]]:
    """Return the rows of the labels' cells and, of several, of their mean, ``{label}_{metric}``; a row a seed first.

    Args:
        experiment: its name.
        part: what is reported; the cell of the rows is its split.
        cells: by label.
        runs: one a seed.
    """
    first = next(iter(cells.values()))
    reason = next((cell.reason for cell in cells.values() if cell.reason), "")
    own = {} if reason else {name: scored(cell) for name, cell in cells.items()}
    if len(own) > 1:
        own[AVERAGE] = {metric: _mean([of[metric] for of in own.values()]) for metric in AVERAGED}
    shared = {
        "experiment": experiment,
        "cell": part[1],
        "corpus": part[0],
        "split": part[1],
        "n_used": min(cell.n_whole for cell in cells.values()),
        "n_expected": first.n_expected,
        "missing": [str(gap) for gap in first.missing],
    }
    rows = []
    for metric in metrics_of(list(cells), METRICS):
        name, _, what = metric.rpartition("/")
        one = own[name][what] if own else NOTHING
        rows += metric_rows({**shared, "metric": f"{name}_{what}"}, one, runs, BOUNDS[what], reason)
    return rows


def metrics_of(labels: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Return ``{label}/{metric}`` of every label and, of several, of the mean over them.

    Labels may have units of their own, so that only what has none is averaged.
    """
    found = [f"{name}/{metric}" for name in labels for metric in metrics]
    return found + [f"{AVERAGE}/{metric}" for metric in metrics if metric in AVERAGED and len(labels) > 1]


def metric_rows(
    shared: Mapping[str, Any], one: Scored, runs: Sequence[Run], bounds: tuple[float, float], reason: str
) -> list[dict[str, Any]]:
    """Return the rows of a metric: one a seed and their summary, with the interval over recordings.

    Args:
        shared: what all of them say, the metric's name among it, which ends in what is measured.
        one: the metric; :data:`NOTHING` for none.
        runs: one a seed.
        bounds: of the metric.
        reason: why there is none, or why seeds lack one; "" for what the metric itself asks.
    """
    values, score = [NAN] * len(runs), NO_SCORE
    if one.values:
        interval = jackknife_interval(float(np.mean(one.values)), [one.without], bounds)
        values, score = one.values, summarise(one.values, interval)
    own = "" if np.isfinite(values).all() else reason or why_none(shared["metric"])
    return seed_rows({**shared, "reason": own}, values, score, runs)


def why_none(metric: str) -> str:
    """Return why a metric is undefined where it is."""
    if metric.endswith((CCC, BY_PARTICIPANT)):
        return "no CCC: fewer than two labels, or labels and answers that are all the same"
    if metric.endswith(PEARSON):
        return "no correlation: labels, or answers, that are all alike"
    return "nothing to score"


NOTHING = Scored([], np.zeros(0))


def _mean(found: Sequence[Scored]) -> Scored:
    return Scored(
        [float(v) for v in np.mean([one.values for one in found], axis=0)],
        np.mean([one.without for one in found], axis=0),
    )
