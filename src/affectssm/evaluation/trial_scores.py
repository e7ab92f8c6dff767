"""Scores over subjects: a subject's accuracy over its segments, its mean over subjects, and the same over seeds.

S seeds, C cells, U subjects. The independent unit is a subject: intervals are over subjects, with the mean over seeds
taken inside, and a difference of methods is taken subject by subject, so that it is paired.
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
from affectssm.evaluation.intervals import NO_SCORE, Score, jackknife_interval, mean_without, summarise
from affectssm.evaluation.trial_reading import NOT_TESTED, PLAIN, RIGHT, Cell, Outcome, Truth

Array = NDArray[np.float64]
SCHEMA = pa.schema(
    [
        ("level", pa.string()),  # subject, run (one seed), summary; streams and masks of an adaptation
        ("experiment", pa.string()),
        ("corpus", pa.string()),
        ("dimension", pa.string()),
        (
            "metric",
            pa.string(),
        ),  # accuracy (0 to 1), improvement (points), majority (0 to 1); trials.STREAM_METRICS
        ("method", pa.string()),  # "" without adaptation
        ("pattern", pa.string()),
        ("ratio", pa.float64()),  # NaN: the mean over the ratios, or no adaptation
        ("seed", pa.int64()),  # -1 in summaries
        ("subject", pa.string()),
        ("segments", pa.int64()),  # -1 where the row is no count of them
        ("correct", pa.int64()),
        ("value", pa.float64()),
        ("sd", pa.float64()),  # over seeds, n - 1
        ("low", pa.float64()),  # 95 % interval over subjects (intervals.py); NaN for none
        ("high", pa.float64()),
        ("n_seeds", pa.int64()),
        ("n_used", pa.int64()),  # subjects
        ("n_expected", pa.int64()),
        ("missing", pa.list_(pa.string())),
        ("reason", pa.string()),  # why there is no number
    ]
)
BOUNDS = {"accuracy": (0.0, 1.0), "majority": (0.0, 1.0), "improvement": (-100.0, 100.0)}
Row = dict[str, Any]
_EMPTY: Row = {
    "method": "", "pattern": "", "ratio": float("nan"), "seed": -1, "subject": "", "segments": -1, "correct": -1,
    "n_seeds": 0, "n_used": 0, "n_expected": 0, "missing": [], "reason": "", **vars(NO_SCORE),
}  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """The tested segments of the expected subjects.

    Attributes:
        seeds: rising.
        cells: in a fixed order.
        subjects: expected: those with a rated segment, without the development subjects.
        rated: (U,) segments of each that were to be tested.
        segments: (S, C, U) tested, and (S, C, U) ``correct`` of them.
    """

    seeds: tuple[int, ...]
    cells: tuple[Cell, ...]
    subjects: tuple[str, ...]
    rated: NDArray[np.int64]
    segments: NDArray[np.int64]
    correct: NDArray[np.int64]

    @cached_property
    def accuracy(self) -> Array:
        """(S, C, U) of each subject; NaN where nothing was tested."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.correct / np.where(self.segments, self.segments, np.nan)

    @cached_property
    def used(self) -> NDArray[np.bool_]:
        """(U,) subjects with a number in every seed and cell: the others would be compared with nobody."""
        return np.asarray((self.segments > 0).all(axis=(0, 1)))

    @cached_property
    def missing(self) -> list[str]:
        """What was not tested, by name."""
        least = self.segments.min(axis=(0, 1), initial=np.iinfo(np.int64).max)
        return [
            f"{name} ({f'{fewest} of {rated} segments' if used else 'no predictions'})"
            for name, fewest, rated, used in zip(self.subjects, least, self.rated, self.used, strict=True)
            if fewest < rated
        ]


def score(
    truth: Truth, outcomes: Mapping[int, Mapping[Cell, Outcome]], left_out: Collection[str] = ()
) -> Scores:
    """Count the segments of every subject.

    Args:
        truth: the labels.
        outcomes: seed -> cell -> (T,) outcome.
        left_out: subjects that are not scored (development subjects).
    """
    cells = sorted({cell for found in outcomes.values() for cell in found} or {PLAIN})
    nothing = np.full(len(truth.segments), NOT_TESTED, np.int8)
    stacked = [[found.get(cell, nothing) for cell in cells] for found in outcomes.values()]
    segments = np.array([[truth.per_subject(o != NOT_TESTED) for o in row] for row in stacked])
    correct = np.array([[truth.per_subject(o == RIGHT) for o in row] for row in stacked])
    rated = truth.per_subject(truth.high >= 0)
    kept = (rated > 0) & ~np.isin(truth.subjects, list(left_out))
    subjects = tuple(name for name, keep in zip(truth.subjects, kept, strict=True) if keep)
    return Scores(
        tuple(outcomes), tuple(cells), subjects, rated[kept], segments[..., kept], correct[..., kept]
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
        settings: with experiment, corpus and dimension.
        scores: says which subjects there are.
    """

    def __init__(self, settings: Mapping[str, Any], scores: Scores) -> None:
        self.rows: list[Row] = []
        self._scores = scores
        self._shared = {name: settings[name] for name in ("experiment", "corpus", "dimension")}

    def add(self, level: str, metric: str, cell: Cell = PLAIN, **values: Any) -> None:
        """Add one row."""
        place = dict(zip(("method", "pattern", "ratio"), cell, strict=True))
        self.rows.append(_EMPTY | self._shared | {"level": level, "metric": metric} | place | values)

    def add_counted(self, cell: Cell) -> None:
        """Add the accuracy of a cell: every subject with its counts, every seed, and the summary."""
        scores, at = self._scores, self._scores.cells.index(cell)
        for s, seed in enumerate(scores.seeds):
            for u in np.flatnonzero(scores.segments[s, at]).tolist():
                counted = {"segments": scores.segments[s, at, u], "correct": scores.correct[s, at, u]}
                value = float(scores.accuracy[s, at, u])
                self._subject("accuracy", cell, seed, u, value, **{k: int(v) for k, v in counted.items()})
        self._means("accuracy", cell, scores.accuracy[:, at])

    def add_values(self, metric: str, cell: Cell, values: Array) -> None:
        """Add a metric of which every used subject has a number in every seed: (S, U)."""
        for s, seed in enumerate(self._scores.seeds):
            for u in np.flatnonzero(self._scores.used).tolist():
                self._subject(metric, cell, seed, u, float(values[s, u]))
        self._means(metric, cell, values)

    def _subject(self, metric: str, cell: Cell, seed: int, u: int, value: float, **counted: int) -> None:
        name = self._scores.subjects[u]
        self.add("subject", metric, cell, seed=seed, subject=name, value=value, n_seeds=1, **counted)

    def _means(self, metric: str, cell: Cell, values: Array) -> None:
        """The mean over the used subjects, seed by seed, and over seeds."""
        scores, own = self._scores, values[:, self._scores.used]
        shared = {
            "n_used": own.shape[1],
            "n_expected": len(scores.subjects),
            "missing": scores.missing,
            "reason": "" if own.size else _no_reason(scores),
        }
        per_seed = own.mean(axis=1) if own.size else np.full(len(scores.seeds), np.nan)
        for seed, value in zip(scores.seeds, per_seed, strict=True):
            self.add("run", metric, cell, seed=seed, value=float(value), n_seeds=1, **shared)
        self.add("summary", metric, cell, n_seeds=len(scores.seeds), **shared, **vars(_summary(metric, own)))


def _summary(metric: str, own: Array) -> Score:
    """Of (S, U) values of the used subjects."""
    if not own.size:
        return NO_SCORE
    without = mean_without(own, np.ones_like(own))
    interval = jackknife_interval(float(own.mean()), [without], BOUNDS[metric])
    return summarise(list(own.mean(axis=1)), interval)


def _no_reason(scores: Scores) -> str:
    return "no subject was tested" if scores.subjects else "no subject to test"


def by_pattern(cells: Sequence[Cell]) -> dict[tuple[str, str], list[Cell]]:
    """(method, pattern) -> its cells, ratios rising."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in sorted(cells):
        found.setdefault(cell[:2], []).append(cell)
    return found
