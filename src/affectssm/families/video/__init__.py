"""Valence and arousal in video: Mamba-VA on Aff-Wild2."""
