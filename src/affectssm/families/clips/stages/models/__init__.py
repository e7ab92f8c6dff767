"""Models that answer one sentiment a clip from the steps of its modalities."""
