"""Emotion from bio-signals: BiMamba-TTA and test-time adaptation on DEAP and MAHNOB-HCI."""
