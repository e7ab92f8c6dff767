"""One cell of a table: a model's CCC on one part of a corpus, over its seeds, and what is missing from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from affectssm.evaluation.frame_reading import Expected, Labels, Part, Run, Seat
from affectssm.evaluation.intervals import (
    Interval,
    Score,
    ccc_without,
    jackknife_interval,
    mean_without,
    summarise,
)
from affectssm.evaluation.metrics import PAIRINGS
from affectssm.training.agreement import N_MOMENTS, ccc_of_moments, moments

Array = NDArray[np.float64]

METRICS = ("ccc", "ccc_participant")
BOUNDS = (-1.0, 1.0)


@dataclass(frozen=True, order=True)
class Gap:
    """What a part lacks: a recording, or a participant of one (``""``: all of them), and why."""

    recording: str
    participant: str
    why: str

    def __str__(self) -> str:
        return "/".join(filter(None, (self.recording, self.participant))) + f" ({self.why})"


@dataclass(frozen=True)
class Cell:
    """A model's scores on one part.

    Attributes:
        units: recordings that were scored, sorted.
        n_expected: recordings of the part, after the manifest.
        missing: what is missing.
        reason: why there is no number at all; "" where there is one.
        sums: (seeds, units, 6) moments.
        participants: (seeds, units, 2) sum and number of the participants' own CCCs.
        without: metric -> (units,) its mean over seeds without each recording.
    """

    units: tuple[str, ...] = ()
    n_expected: int = 0
    missing: tuple[Gap, ...] = ()
    reason: str = ""
    sums: Array = field(default_factory=lambda: np.zeros((0, 0, N_MOMENTS)))
    participants: Array = field(default_factory=lambda: np.zeros((0, 0, 2)))
    without: Mapping[str, Array] = field(default_factory=dict)

    @property
    def n_whole(self) -> int:
        """How many recordings were scored with all their participants and to their end."""
        return len(set(self.units) - {gap.recording for gap in self.missing})

    def values(self, metric: str) -> list[float]:
        """The metric of each seed."""
        if metric == "ccc":
            return [float(v) for v in ccc_of_moments(self.sums.sum(axis=1))]
        totals = self.participants.sum(axis=1)
        return [float(total / n) if n else float("nan") for total, n in totals]

    def interval(self, metric: str) -> Interval:
        """Its 95 % interval over recordings."""
        return jackknife_interval(float(np.mean(self.values(metric))), [self.without[metric]], BOUNDS)


def empty_reason(part: Part, expected: Expected, has_labels: bool, has_predictions: bool) -> str:
    """Why a part cannot be scored at all, or ""."""
    corpus, split = part
    if corpus not in expected.shards:
        return f"no {corpus} in this configuration"
    if not expected.seats.get(part):
        return f"{corpus} has no {split} part"
    if not has_predictions:
        why = sorted({reason for key, reason in expected.left_out.items() if key[:2] == part})
        return f"no features of this source for {corpus} {split}" + (f" ({'; '.join(why)})" if why else "")
    if not has_labels:
        left = [
            f"{'/'.join(key[2:])} ({why})"
            for key, why in sorted(expected.left_out.items())
            if key[:2] == part
        ]
        return f"labels of {corpus} {split} withheld" + (
            f", not predicted: {', '.join(left)}" if left else ""
        )
    return ""


def gaps(
    part: Part, expected: Expected, labelled: AbstractSet[Seat], predicted: AbstractSet[Seat]
) -> list[Gap]:
    """What a part lacks for every participant of every recording to be scored.

    Args:
        part: one that is not wholly without labels or predictions (``empty_reason``).
        expected: what the manifests promise.
        labelled: seats with labels.
        predicted: seats with predictions.
    """
    found = []
    for recording, people in expected.seats.get(part, {}).items():
        seats = [(recording, who) for who in people]
        if labelled.isdisjoint(seats):
            found.append(Gap(recording, "", "no labels"))
            continue
        for seat in seats:
            why = "no labels" if seat not in labelled else "" if seat in predicted else "no predictions"
            if why:
                found.append(Gap(*seat, expected.left_out.get((*part, *seat), why)))
    return found


def score_cell(
    part: Part,
    expected: Expected,
    labels: Mapping[Seat, Labels],
    runs: Sequence[Run],
    scorer: str,
    tail: int,
) -> Cell:
    """Score every seed on one part, with all of its recordings and without each.

    Args:
        part: of a corpus.
        expected: what the manifests promise.
        labels: of the corpus, by seat.
        runs: one a seed.
        scorer: a key of ``PAIRINGS``.
        tail: label frames by which predictions may end before the labels do.
    """
    recordings = expected.seats.get(part, {})
    seats = sorted(seat for seat in labels if seat[0] in recordings)
    predicted = any(run.parts.get(part) for run in runs)
    reason = empty_reason(part, expected, bool(seats), predicted)
    if reason:
        return Cell(n_expected=len(recordings), reason=reason)
    usable = [seat for seat in seats if all(seat in run.parts.get(part, {}) for run in runs)]
    missing = [*gaps(part, expected, set(seats), set(usable)), *_cut_short(part, usable, labels, runs, tail)]
    units = sorted({recording for recording, _ in usable})
    sums = np.zeros((len(runs), len(units), N_MOMENTS))
    participants = np.zeros((len(runs), len(units), 2))
    for s, run in enumerate(runs):
        for seat in usable:
            own = moments(*PAIRINGS[scorer](run.parts[part][seat], labels[seat].value, labels[seat].valid))
            u = units.index(seat[0])
            sums[s, u] += own
            if np.isfinite(agreement := float(ccc_of_moments(own))):
                participants[s, u] += (agreement, 1.0)
    without = {
        "ccc": ccc_without(sums),
        "ccc_participant": mean_without(participants[..., 0], participants[..., 1]),
    }
    return Cell(tuple(units), len(recordings), tuple(sorted(missing)), "", sums, participants, without)


def _cut_short(
    part: Part, seats: Sequence[Seat], labels: Mapping[Seat, Labels], runs: Sequence[Run], tail: int
) -> list[Gap]:
    """Name those whose predictions end more than a tail before their labels do; one of some frames is common."""
    found = []
    for seat in seats:
        frames = min(len(run.parts[part][seat]) for run in runs)
        wanted = len(labels[seat].value)
        if frames < wanted - tail:
            found.append(Gap(*seat, f"{frames} of {wanted} label frames"))
    return found


def score_global(cells: Sequence[Cell], metric: str) -> tuple[list[float], Score]:
    """The macro-average over corpora by seed, and its summary; corpora are independent."""
    per_seed = [float(v) for v in np.mean([cell.values(metric) for cell in cells], axis=0)]
    without = [cell.without[metric] for cell in cells]
    return per_seed, summarise(per_seed, jackknife_interval(float(np.mean(per_seed)), without, BOUNDS))
