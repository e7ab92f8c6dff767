"""Scores over groups: the share of a group's segments that is right, its mean over groups, and the same over seeds.

S seeds, C cells, U groups. The independent unit is a group (a person): intervals are over groups, with the mean over
seeds taken inside, and a difference of methods is taken group by group, so that it is paired.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from affectssm.errors import DataError
from affectssm.evaluation.answers import NOT_TESTED, PLAIN, RIGHT, Cell, Outcome, Truth
from affectssm.evaluation.intervals import NO_SCORE, Score, jackknife_interval, mean_without, summarise

Array = NDArray[np.float64]
Bounds = tuple[float, float]
"""Lowest and highest value of a metric, which its interval does not pass."""
SHARE: Bounds = (0.0, 1.0)


def schema(shared: Sequence[str], group: str) -> pa.Schema:
    """The columns of a metrics file: ``shared`` by all its rows, and ``group``, the name of a group."""
    return pa.schema(
        [("level", pa.string())]  # the group, run (one seed), summary, and what else is added
        + [(name, pa.string()) for name in shared]
        + [("metric", pa.string())]
        + [("method", pa.string()), ("pattern", pa.string())]  # "" without adaptation
        + [("ratio", pa.float64())]  # NaN: the mean over the ratios, or no adaptation
        + [("seed", pa.int64())]  # -1 in summaries
        + [(group, pa.string())]
        + [("segments", pa.int64()), ("correct", pa.int64())]  # -1 where the row is no count of them
        + [("value", pa.float64())]
        + [("sd", pa.float64())]  # over seeds, n - 1
        + [("low", pa.float64()), ("high", pa.float64())]  # 95 % interval over groups; NaN for none
        + [("n_seeds", pa.int64()), ("n_used", pa.int64()), ("n_expected", pa.int64())]  # groups
        + [("missing", pa.list_(pa.string()))]
        + [("reason", pa.string())]  # why there is no number
    )


Row = dict[str, Any]
_EMPTY: Row = {
    "method": "", "pattern": "", "ratio": float("nan"), "seed": -1, "segments": -1, "correct": -1,
    "n_seeds": 0, "n_used": 0, "n_expected": 0, "missing": [], "reason": "", **vars(NO_SCORE),
}  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """The tested segments of the expected groups.

    Attributes:
        seeds: rising.
        cells: in a fixed order.
        groups: expected: those with a labelled segment, without those that are left out.
        labelled: (U,) segments of each that were to be tested.
        segments: (S, C, U) tested, and (S, C, U) ``correct`` of them.
    """

    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]
    groups: tuple[str, ...]
    labelled: NDArray[np.int64]
    segments: NDArray[np.int64]
    correct: NDArray[np.int64]

    @cached_property
    def shares(self) -> Array:
        """(S, C, U) of each group's segments that is right; NaN where nothing was tested."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.correct / np.where(self.segments, self.segments, np.nan)

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """(U,) groups with a number in every seed and cell: the others would be compared with nobody."""
        return np.asarray((self.segments > 0).all(axis=(0, 1)))

    @cached_property
    def missing(self) -> list[str]:
        """What was not tested, by name."""
        least = self.segments.min(axis=(0, 1), initial=np.iinfo(np.int64).max)
        return [
            f"{name} ({f'{fewest} of {labelled} segments' if used else 'no predictions'})"
            for name, fewest, labelled, used in zip(self.groups, least, self.labelled, self.used, strict=True)
            if fewest < labelled
        ]


def score(
    truth: Truth, outcomes: Mapping[int, Mapping[Cell, Outcome]], left_out: Collection[str] = ()
) -> Scores:
    """Count the segments of every group.

    Args:
        truth: the labels.
        outcomes: seed -> cell -> (T,) outcome.
        left_out: groups that are not scored.
    """
    cells = sorted({cell for found in outcomes.values() for cell in found} or {PLAIN})
    nothing = np.full(len(truth.segments), NOT_TESTED, np.int8)
    stacked = [[found.get(cell, nothing) for cell in cells] for found in outcomes.values()]
    segments = np.array([[truth.per_group(o != NOT_TESTED) for o in row] for row in stacked])
    correct = np.array([[truth.per_group(o == RIGHT) for o in row] for row in stacked])
    labelled = truth.per_group(truth.classes >= 0)
    kept = (labelled > 0) & ~np.isin(truth.groups, list(left_out))
    groups = tuple(name for name, keep in zip(truth.groups, kept, strict=True) if keep)
    return Scores(
        tuple(outcomes), tuple(cells), groups, labelled[kept], segments[..., kept], correct[..., kept]
    )


def require_same_segments(outcomes: Mapping[int, Mapping[Cell, Outcome]], truth: Truth, out: Path) -> None:
    """Refuse methods that did not answer the same segments: their difference would not be paired.

    Raises:
        DataError: naming a segment and a method that lacks it.
    """
    for seed, found in outcomes.items():
        asked = np.any([outcome != NOT_TESTED for outcome in found.values()], axis=0)
        for (method, pattern, ratio), outcome in found.items():
            lacking = np.flatnonzero(asked & (outcome == NOT_TESTED))
            if len(lacking):
                raise DataError(
                    out,
                    f"{method}, {pattern} {ratio:g}, seed {seed}: no answer to {truth.segments[int(lacking[0])]} and "
                    f"{len(lacking) - 1} more",
                    "the same segments for every method, pattern and ratio",
                    "adapt again",
                )


class Sheet:
    """Collects the rows of a metrics file.

    Args:
        shared: what all rows say.
        group: the column of the groups' names, and the level of their rows.
        scores: says which groups there are.
    """

    def __init__(self, shared: Mapping[str, str], group: str, scores: Scores) -> None:
        self.rows: list[Row] = []
        self.schema = schema(list(shared), group)
        self._shared, self._group, self._scores = shared, group, scores

    def add(self, level: str, metric: str, cell: Cell = PLAIN, **values: Any) -> None:
        """Add one row."""
        place = dict(zip(("method", "pattern", "ratio"), cell, strict=True))
        what = {"level": level, "metric": metric, self._group: ""}
        self.rows.append(_EMPTY | {**self._shared} | what | place | values)

    def add_counted(self, metric: str, cell: Cell) -> None:
        """Add the shares of a cell: every group with its counts, every seed, and the summary."""
        scores, at = self._scores, self._scores.cells.index(cell)
        for s, seed in enumerate(scores.seeds):
            for u in np.flatnonzero(scores.segments[s, at]).tolist():
                counted = {"segments": scores.segments[s, at, u], "correct": scores.correct[s, at, u]}
                value = float(scores.shares[s, at, u])
                self._of_group(metric, cell, seed, u, value, **{k: int(v) for k, v in counted.items()})
        self._means(metric, cell, scores.shares[:, at], SHARE)

    def add_values(self, metric: str, cell: Cell, values: Array, bounds: Bounds) -> None:
        """Add a metric of which every used group has a number in every seed: (S, U)."""
        for s, seed in enumerate(self._scores.seeds):
            for u in np.flatnonzero(self._scores.used).tolist():
                self._of_group(metric, cell, seed, u, float(values[s, u]))
        self._means(metric, cell, values, bounds)

    def _of_group(self, metric: str, cell: Cell, seed: int, u: int, value: float, **counted: int) -> None:
        own: Row = {self._group: self._scores.groups[u], **counted}
        self.add(self._group, metric, cell, seed=seed, value=value, n_seeds=1, **own)

    def _means(self, metric: str, cell: Cell, values: Array, bounds: Bounds) -> None:
        """The mean over the used groups, seed by seed, and over seeds."""
        scores, own = self._scores, values[:, self._scores.used]
        shared = {
            "n_used": own.shape[1],
            "n_expected": len(scores.groups),
            "missing": scores.missing,
            "reason": "" if own.size else self._no_reason(),
        }
        per_seed = own.mean(axis=1) if own.size else np.full(len(scores.seeds), np.nan)
        for seed, value in zip(scores.seeds, per_seed, strict=True):
            self.add("run", metric, cell, seed=seed, value=float(value), n_seeds=1, **shared)
        self.add("summary", metric, cell, n_seeds=len(scores.seeds), **shared, **vars(_summary(own, bounds)))

    def _no_reason(self) -> str:
        return f"no {self._group} was tested" if self._scores.groups else f"no {self._group} to test"


def _summary(own: Array, bounds: Bounds) -> Score:
    """Of (S, U) values of the used groups."""
    if not own.size:
        return NO_SCORE
    without = mean_without(own, np.ones_like(own))
    interval = jackknife_interval(float(own.mean()), [without], bounds)
    return summarise(list(own.mean(axis=1)), interval)


def by_pattern(cells: Sequence[Cell]) -> dict[tuple[str, str], list[Cell]]:
    """(method, pattern) -> its cells, ratios rising."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in sorted(cells):
        found.setdefault(cell[:2], []).append(cell)
    return found
