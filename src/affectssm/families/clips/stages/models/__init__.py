"""Models that answer a clip's sentiment from text, audio and vision."""
