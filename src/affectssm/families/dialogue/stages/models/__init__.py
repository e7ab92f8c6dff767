"""Models that answer a target's engagement from cues of the target and its partners."""
