"""The labels of Aff-Wild2, and the windows of frames that models see: no context, every frame of a window is predicted.

A frame is a picture of the video, and so recordings have rates of their own.
"""

from __future__ import annotations

from collections.abc import Collection

from affectssm.corpora.manifest import StreamRow, is_test_split
from affectssm.timeline.frames import Frames

COLUMNS = ("valence", "arousal")
LABEL = "valence_arousal"
CORPUS = "affwild2"
LABELLED_SPLITS = ("train", "val")
LEARNT, LABELLED, TEST = "learnt.parquet", "labelled.parquet", "test.parquet"
"""The window indexes of a task, see windows.py."""


def frames_of(length: int, stride: int) -> Frames:
    """Return windows of so many frames, so far apart."""
    return Frames(LABEL, COLUMNS, label_hz=None, context=0, centre=length, stride=stride)


def length(streams: Collection[StreamRow]) -> tuple[int, float]:
    """Return the frames of a person's video, and how many make a second.

    As many as the annotation has rows; of a test video as there are pictures, of faces or in the video.
    """
    by_kind = {row.kind: row for row in streams}
    for kind in ("annotation", "crops", "video"):
        row = by_kind.get(kind)
        if row is not None and not (kind == "annotation" and is_test_split(row.split)):
            return row.frames, row.rate
    return 0, 0.0
