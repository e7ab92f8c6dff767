"""How the segments of clips are kept: a clip is one segment; its index has a column `split` beside these."""

from __future__ import annotations

from affectssm.timeline.segment_format import SegmentFormat

CLIPS = SegmentFormat(
    "corpus", "video", "recording", "segment", ("text", "audio", "vision"), ("sentiment",), "prediction"
)
