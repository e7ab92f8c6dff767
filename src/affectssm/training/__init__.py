"""Losses, batches in order of (seed, step), and the training loop."""
