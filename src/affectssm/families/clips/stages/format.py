"""How the segments of clips are kept: one segment a clip, of L steps in every modality."""

from __future__ import annotations

from affectssm.families.clips.stages.modalities import LABEL, MODALITIES, TOKENS
from affectssm.timeline.segment_format import SegmentFormat

CLIPS = SegmentFormat(
    "corpus", "video", "recording", "segment", (*MODALITIES, TOKENS), (LABEL,), "prediction", words=("split",)
)
