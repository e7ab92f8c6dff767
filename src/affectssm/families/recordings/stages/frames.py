"""The labels of one's own recordings, and the windows of frames that models see.

A clock frame is a label frame, or a whole part of one where labels are slower than the clock that is asked for. Windows
are a centre, which is predicted, between context on both sides, as those of dialogues; recordings have rates of their
own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from affectssm.corpora.manifest import StreamRow
from affectssm.store.shards import Track
from affectssm.timeline.frames import Frames

CORPUS = "folder"
LABELS = ("folder_labels", "folder_labels_test")
"""The features that hold labels: those of test parts are in the second, which the evaluation alone opens."""
EARLY = 0.25  # of a label frame
LABELLED, MISSING, PEOPLE, DIVISION = "labelled.parquet", "missing.parquet", "people.parquet", "division.json"
"""The files of a task, see windows.py."""


def frames_of(columns: Sequence[str], context: int, centre: int, per_label: int) -> Frames:
    """Return windows of about so many clock frames: the centre is brought to a whole number of label frames."""
    whole = max(1, round(centre / per_label)) * per_label
    return Frames(LABELS[0], tuple(columns), label_hz=None, context=context, centre=whole)


def length(streams: Collection[StreamRow]) -> tuple[int, float]:
    """Return the label frames of a participant up to the last label, and how many make a second; 0 without labels."""
    found = [row for row in streams if row.kind == "annotation"]
    if not found:
        return 0, 0.0
    return int(frame_of(np.array([found[0].duration_s]), found[0].rate)[0]), found[0].rate


def frame_of(time: NDArray[np.float64], rate: float) -> NDArray[np.int64]:
    """Return the label frame that holds each time: (T,) seconds -> (T,).

    Label files give the beginning of a label frame or its middle, both of which are well inside this way: frame i lasts
    from i / rate to (i + 1) / rate, less a quarter for what is written with few digits.
    """
    return np.floor(time * rate + EARLY).astype(np.int64)


def placed(track: Track, rate: float, frames: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a track of labels frame by frame: (frames, C), 0 where not valid, and valid (frames,)."""
    value, valid = np.zeros((frames, track.value.shape[1]), np.float32), np.zeros(frames, bool)
    frame = frame_of(track.time, rate)
    use = track.valid & (frame >= 0) & (frame < frames)
    value[frame[use]], valid[frame[use]] = track.value[use], True
    return value, valid


def per_label_of(rows: Iterable[StreamRow], clock_hz: float) -> int:
    """Return the clock frames in a label frame that bring the fastest labels nearest to a clock; one at least."""
    fastest = max((row.rate for row in rows if row.kind == "annotation"), default=clock_hz)
    return max(1, round(clock_hz / fastest))
