"""Scores of a sentiment a clip as MMSA defines them (thuiar/MMSA, utils/metricsTop.py), without and with one group.

Every score is made of sums over the clips of each group (G of them, a source video each; S runs, N clips), which add
up: scores without one group cost no second pass. Accuracies and F1 are shares (0 to 1); F1 is the mean of the classes'
F1, weighted by how many clips each class has. The name of a two-class score says its classes:

* ``has0``: negative against zero and positive; ``non0``: negative against positive, zeros left out.
* ``non_positive``: negative and zero against positive. In classification, by the larger of the probabilities of
  negative and positive; MMSA prints it there as `Has0`, which is not regression's `Has0`.
* ``mmsa_compat``: classification's ``non0`` as MMSA computes it: answers are numbered 0 and 1, but labels 0 and 2, so
  that every positive clip counts as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Classes = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], int]
"""Answers (S, N) and labels (N,) as numbers of classes, which clips (N,) count, and how many classes there are."""
Sums = Mapping[str, Array]
"""``moments`` (S, G, 7) of numbers, and by name of the classes the clips (S, G, K, K) of a label by their answers."""

ROUNDED, CUT = "rounded", "cut"
SCALES = {"mosei": ROUNDED, "sims": CUT, "simsv2": CUT}
"""Labels from -3 to 3, classes by rounding (half to even); or from -1 to 1, classes by cuts, with answers clipped."""
CUTS = {
    "non_positive": (0.0,),
    "three": (-0.1, 0.1),
    "five": (-0.7, -0.1, 0.1, 0.7),
}  # classes are closed above
NAMES = {
    **{name: (f"acc2_{name}", f"f1_{name}") for name in ("has0", "non0", "non_positive", "mmsa_compat")},
    "three": ("acc3", "f1_3"),
    "five": ("acc5",),
    "seven": ("acc7",),
}
"""Name of the classes -> accuracy and, where it is told, weighted F1."""
ALIKE = 1e-12  # of the sum of squares: values that spread less do so by rounding alone


def regression_sums(
    prediction: NDArray[np.float32],
    label: NDArray[np.float32],
    group: NDArray[np.int64],
    groups: int,
    scale: str,
) -> dict[str, Array]:
    """Return the sums of answered numbers.

    Args:
        prediction: (S, N).
        label: (N,).
        group: (N,) from 0 to ``groups`` - 1.
        groups: G.
        scale: one of the values of :data:`SCALES`.
    """
    prediction, label = np.asarray(prediction, np.float32), np.asarray(label, np.float32)
    if scale == CUT:
        prediction, label = np.clip(prediction, -1, 1), np.clip(label, -1, 1)
        classes = _cut_classes(prediction, label)
    else:
        classes = _rounded_classes(prediction, label)
    counted = {name: _confusion(of, group, groups) for name, of in classes.items()}
    return {"moments": _moments(prediction, label, group, groups), **counted}


def classification_sums(
    probability: NDArray[np.float32], label: NDArray[np.float32], group: NDArray[np.int64], groups: int
) -> dict[str, Array]:
    """Return the sums of answered classes.

    Args:
        probability: (S, N, 3) of negative, neutral, positive; logits do as well.
        label: (N,) sentiment, whose sign is the class.
        group, groups: as in :func:`regression_sums`.
    """
    truth = np.sign(label).astype(np.int64) + 1
    positive = np.argmax(probability[..., [0, 2]], axis=-1)
    whole, some = np.ones(len(truth), bool), truth != 1
    classes: dict[str, Classes] = {
        "three": (np.argmax(probability, axis=-1), truth, whole, 3),
        "non_positive": (positive, (truth == 2).astype(np.int64), whole, 2),
        "non0": (positive, truth // 2, some, 2),
        "mmsa_compat": (positive, truth, some, 3),
    }
    return {name: _confusion(of, group, groups) for name, of in classes.items()}


def total(sums: Sums) -> dict[str, Array]:
    """Return the sums (S, ...) over all groups."""
    return {name: values.sum(axis=1) for name, values in sums.items()}


def without(sums: Sums) -> dict[str, Array]:
    """Return the sums (S, G, ...) over all groups but one."""

    def others(values: Array) -> Array:
        # from both sides, not the whole minus one: that would leave rounding where the others sum to exactly nothing
        before, after = np.zeros_like(values), np.zeros_like(values)
        before[:, 1:] = np.cumsum(values[:, :-1], axis=1)
        after[:, :-1] = np.cumsum(values[:, :0:-1], axis=1)[:, ::-1]
        return before + after

    return {name: others(values) for name, values in sums.items()}


def scores(sums: Sums) -> dict[str, Array]:
    """Return metric -> values of the shape that leads the sums; NaN where undefined (:func:`reason`)."""
    found: dict[str, Array] = {}
    if "moments" in sums:
        count, error, *moments = np.moveaxis(sums["moments"], -1, 0)
        found = {"mae": _ratio(error, count), "corr": _correlation(count, *moments)}
    for name, counted in sums.items():
        if name != "moments":
            found |= zip(NAMES[name], (_accuracy(counted), _weighted_f1(counted)), strict=False)
    return found


def reason(metric: str) -> str:
    """Return why a metric is undefined where it is."""
    if metric == "corr":
        return "no correlation: answers, or labels, that are all alike"
    if "non0" in metric or "compat" in metric:
        return "no clip with a negative or positive label"
    return "no clip"


def bounds(metric: str) -> tuple[float, float]:
    """Return what a metric cannot leave."""
    return {"mae": (0.0, np.inf), "corr": (-1.0, 1.0)}.get(metric, (0.0, 1.0))


def constant_score(label: NDArray[np.float32], task: str) -> tuple[str, float]:
    """Return what the best answer that is the same for all clips would score: its MAE, or its share of right ones."""
    if task == "regression":
        return "mae_constant", float(np.abs(label - np.median(label)).mean())
    return "acc3_constant", float(np.bincount(np.sign(label).astype(np.int64) + 1).max() / len(label))


def _rounded_classes(prediction: NDArray[np.float32], label: NDArray[np.float32]) -> dict[str, Classes]:
    def rounded(limit: int) -> Classes:
        answers, truth = (
            np.round(np.clip(values, -limit, limit)).astype(np.int64) + limit
            for values in (prediction, label)
        )
        return answers, truth, np.ones(len(label), bool), 2 * limit + 1

    whole = np.ones(len(label), bool)
    return {
        "has0": ((prediction >= 0).astype(np.int64), (label >= 0).astype(np.int64), whole, 2),
        "non0": ((prediction > 0).astype(np.int64), (label > 0).astype(np.int64), label != 0, 2),
        "three": rounded(1),
        "five": rounded(2),
        "seven": rounded(3),
    }


def _cut_classes(prediction: NDArray[np.float32], label: NDArray[np.float32]) -> dict[str, Classes]:
    whole = np.ones(len(label), bool)

    def cut(edges: tuple[float, ...]) -> Classes:
        # in the numbers' own precision: a label of 0.7 lies on the edge
        kept = np.array(edges, np.float32)
        answers, truth = (np.digitize(values, kept, right=True) for values in (prediction, label))
        return answers, truth, whole, len(edges) + 1

    return {name: cut(edges) for name, edges in CUTS.items()}


def _confusion(classes: Classes, group: NDArray[np.int64], groups: int) -> Array:
    """(S, G, K, K) clips by label and answer."""
    answers, truth, counted, k = classes
    runs = np.arange(len(answers))[:, None]
    code = ((runs * groups + group) * k + truth) * k + answers
    found = np.bincount(code[:, counted].ravel(), minlength=len(answers) * groups * k * k)
    return found.reshape(len(answers), groups, k, k).astype(np.float64)


def _moments(
    prediction: NDArray[np.float32], label: NDArray[np.float32], group: NDArray[np.int64], groups: int
) -> Array:
    """(S, G, 7) sums of 1, the absolute error, x, y, x squared, y squared and xy, x and y less their medians."""
    found = np.zeros((len(prediction), groups, 7))
    y = label.astype(np.float64)
    for at, x in enumerate(prediction.astype(np.float64)):
        # less the median, which of values that are all alike leaves exactly nothing
        u, v = (values - np.median(values) if len(values) else values for values in (x, y))
        terms = (np.ones_like(x), np.abs(x - y), u, v, u * u, v * v, u * v)
        found[at] = np.stack([np.bincount(group, term, groups) for term in terms], axis=-1)
    return found


def _ratio(part: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _correlation(count: Array, x: Array, y: Array, xx: Array, yy: Array, xy: Array) -> Array:
    """Pearson's, NaN where one side does not spread."""
    spread_x, spread_y = count * xx - x * x, count * yy - y * y
    spreads = (spread_x > ALIKE * count * xx) & (spread_y > ALIKE * count * yy)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (count * xy - x * y) / np.sqrt(spread_x * spread_y)
    return np.where(spreads, np.clip(found, -1, 1), np.nan)


def _accuracy(counted: Array) -> Array:
    return _ratio(np.trace(counted, axis1=-2, axis2=-1), counted.sum(axis=(-2, -1)))


def _weighted_f1(counted: Array) -> Array:
    """The mean of 2 right / (labelled + answered) over classes, weighted by the labelled."""
    right, labelled, answered = np.diagonal(counted, axis1=-2, axis2=-1), counted.sum(-1), counted.sum(-2)
    f1 = 2 * right / np.maximum(labelled + answered, 1)
    return _ratio((f1 * labelled).sum(axis=-1), labelled.sum(axis=-1))
