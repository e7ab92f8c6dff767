"""Models that answer a clip from its text, sound and vision."""
