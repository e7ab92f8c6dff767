"""The windows of engagement: 96 clock frames, 32 of them predicted, between 32 of context on either side.

This is the geometry of the released DAT code, which DA-Mamba shares; unlike there, frames outside the recording are
masked, not counted as zeros.
"""

from __future__ import annotations

from collections.abc import Collection

from affectssm.corpora.manifest import LABEL_HZ, StreamRow, label_frames
from affectssm.timeline.frames import Frames

FRAMES = Frames("engagement", ("engagement",), label_hz=int(LABEL_HZ), context=32, centre=32)


def length(streams: Collection[StreamRow]) -> tuple[int, float]:
    """Return the label frames of a participant's streams, and how many make a second."""
    return label_frames(streams), LABEL_HZ
