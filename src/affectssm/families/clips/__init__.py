"""Sentiment of clips from text, audio and vision: Coupled Mamba on CMU-MOSEI, CH-SIMS and CH-SIMS v2."""
