"""Models that answer valence and arousal from features of a video's frames."""
