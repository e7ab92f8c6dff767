"""Random numbers that depend on (seed, step) alone."""

from __future__ import annotations

import numpy as np


def mixed(seed: int, *step: int) -> int:
    """A seed for one step of a run: the same after a resume, another for every step and seed."""
    return int(np.random.SeedSequence([seed, *step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
