"""The learning rate over the steps: linear warm-up, then one cosine to zero; or halved again and again."""

from __future__ import annotations

import math


def rate_factor(step: int, steps: int, warmup_steps: int) -> float:
    """Factor on the peak learning rate for the optimiser step number ``step`` (from 0)."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def halving_factor(step: int, every: int) -> float:
    """Factor on the learning rate for the step number ``step`` (from 0): halved after every ``every`` steps."""
    return 0.5 ** (step // every)
