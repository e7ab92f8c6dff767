"""How the segments of trials, which are called epochs, are kept."""

from __future__ import annotations

from affectssm.families.biosignals.stages.dimensions import DIMENSIONS
from affectssm.timeline.segment_format import SegmentFormat
from affectssm.vocabulary.kinds import SIGNAL_KINDS

EPOCHS = SegmentFormat("corpus", "subject", "trial", "epoch", SIGNAL_KINDS, DIMENSIONS, "high")
SCHEMA = EPOCHS.index
