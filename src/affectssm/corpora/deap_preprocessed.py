"""DEAP's preprocessed edition: a pickle a subject, whose trials lie in the order of the videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.channels import COLUMNS, PREPROCESSED_HZ, PREPROCESSED_SAMPLES, SCALE
from affectssm.corpora.deap_dat import LABELS, read_dat
from affectssm.corpora.deap_ratings import RatedTrial
from affectssm.corpora.listing import Entry
from affectssm.corpora.trial_manifest import Trial
from affectssm.store.faults import Notes

TRIALS = 40
BASELINE_S, STIMULUS_S = 3.0, 60.0


def trials_of(root: Path, entry: Entry, rated: list[RatedTrial], notes: Notes) -> list[Trial]:
    """The trials of one .dat, which lie in the order of the videos.

    Raises:
        DataError: as :func:`read_dat`.
    """
    data, labels = read_dat(root / entry.rel)
    videos = _videos(len(data), labels, rated, notes)
    _note_labels(labels, videos, rated, notes)
    dims = {kind: len(columns) for kind, columns in COLUMNS.items()}
    seconds = PREPROCESSED_SAMPLES / PREPROCESSED_HZ
    return [
        Trial(
            recording=f"{notes.participant}_v{video:02d}",
            participant=notes.participant,
            signals=entry,
            ratings=entry,
            dims=dims,
            rate=PREPROCESSED_HZ,
            start_s=place * seconds,  # as if the trials lay one after another
            baseline_s=BASELINE_S,
            stimulus_s=STIMULUS_S,
        )
        for place, video in enumerate(videos)
    ]


def _videos(count: int, labels: np.ndarray, rated: list[RatedTrial], notes: Notes) -> list[int]:
    """Which video each trial of a file belongs to; told by the ratings where some trials are missing."""
    rated = sorted(rated, key=lambda trial: trial.video)
    expected = len(rated) or TRIALS
    if count == expected:
        return [trial.video for trial in rated] or list(range(1, count + 1))
    told = _told_by_ratings(labels, [[trial.ratings.get(name, np.nan) for name in LABELS] for trial in rated])
    how = "found by their ratings" if told else "numbered by their place in the file"
    found = f"{count} trials, whose videos were {how}"
    notes.add("trials_missing", "", found, f"{expected} trials", "decided")
    return [rated[place].video for place in told] if told else list(range(1, count + 1))


def _told_by_ratings(labels: np.ndarray, rated: list[list[float]]) -> list[int] | None:
    """The line of the table each trial's labels equal, where there is one each, in order.

    A rating that is missing on either side says nothing; two at least must be there.
    """
    table = np.array(rated).reshape(len(rated), len(LABELS))
    places = []
    for row in labels:
        apart = np.abs(table - row)
        same = np.flatnonzero((~(apart >= 0.02)).all(axis=1) & (np.isfinite(apart).sum(axis=1) >= 2))
        places += same.tolist() if len(same) == 1 else []
    return places if len(places) == len(labels) and places == sorted(set(places)) else None


def _note_labels(labels: np.ndarray, videos: list[int], trials: list[RatedTrial], notes: Notes) -> None:
    """Report labels that are no ratings, and labels that are not those of the table."""
    rated = {trial.video: trial.ratings for trial in trials}
    missing, differ = [], []
    for video, row in zip(videos, labels, strict=True):
        for name, value in zip(LABELS, row, strict=True):
            if not SCALE[0] <= value <= SCALE[1]:
                missing.append(f"{name} of video {video}: {value:g}")
            elif abs(rated.get(video, {}).get(name, value) - value) >= 0.02:
                differ.append(f"{name} of video {video}: {value:g}, in the table {rated[video][name]:g}")
    if missing:
        expected = f"ratings from {SCALE[0]:g} to {SCALE[1]:g}"
        notes.add("rating_missing", "ratings", _first(missing), expected, "masked")
    if differ:
        expected = "the ratings of the table of ratings; the file's own count"
        notes.add("ratings_differ", "ratings", _first(differ), expected, "decided")


def _first(found: list[str]) -> str:
    return "; ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
