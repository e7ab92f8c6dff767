"""Of the ratings of a trial, those that epochs carry and models learn; a new one makes all epochs anew."""

DIMENSIONS = ("valence", "arousal")
