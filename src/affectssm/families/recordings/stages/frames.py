"""The labels of one's own recordings, and the windows of frames that models see.

A clock frame is a label frame, or a whole part of one where labels are slower than the clock that is asked for. Windows
are a centre, which is predicted, between context on both sides, as those of dialogues; recordings have rates of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from affectssm.corpora.manifest import StreamRow
from affectssm.timeline.frames import Frames

CORPUS = "folder"
LABELS = ("folder_labels", "folder_labels_test")
"""The features that hold labels: those of test parts are in the second, which the evaluation alone opens."""
LABELLED, MISSING, PEOPLE, DIVISION = "labelled.parquet", "missing.parquet", "people.parquet", "division.json"
"""The files of a task, see windows.py."""


def frames_of(columns: Sequence[str], context: int, centre: int, per_label: int) -> Frames:
    """Return windows of about so many clock frames: the centre is brought to a whole number of label frames."""
    whole = max(1, round(centre / per_label)) * per_label
    return Frames(LABELS[0], tuple(columns), label_hz=None, context=context, centre=whole)


def length(streams: Collection[StreamRow]) -> tuple[int, float]:
    """Return the label frames of a participant, and how many make a second; none without labels."""
    found = [row for row in streams if row.kind == "annotation"]
    return (found[0].frames, found[0].rate) if found else (0, 0.0)


def per_label_of(rows: Iterable[StreamRow], clock_hz: float) -> int:
    """Return the clock frames in a label frame that bring the fastest labels nearest to a clock; one at least."""
    fastest = max((row.rate for row in rows if row.kind == "annotation"), default=clock_hz)
    return max(1, round(clock_hz / fastest))
