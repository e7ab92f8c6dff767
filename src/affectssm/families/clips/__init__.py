"""Sentiment of clips: Coupled Mamba on CMU-MOSEI, CH-SIMS and CH-SIMS v2."""
