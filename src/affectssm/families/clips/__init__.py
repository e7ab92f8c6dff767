"""Sentiment of clips from text, sound and vision: Coupled Mamba on CMU-MOSEI, CH-SIMS and CH-SIMS v2."""
