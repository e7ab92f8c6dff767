"""Random numbers of the demo corpora: every concern draws from its own generator, named by words.

A generator depends on nothing but its words, so the order in which participants are written, and the number
of processes that write them, cannot change a byte.
"""

from __future__ import annotations

import hashlib

import numpy as np
from scipy.ndimage import gaussian_filter1d

SEED = 20240611


def generator(*words: str) -> np.random.Generator:
    """Return the generator that belongs to ``words`` (recording, participant, concern, ...)."""
    digest = hashlib.sha256("\0".join((str(SEED), *words)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def smooth_noise(rng: np.random.Generator, rows: int, columns: int, sigma: float) -> np.ndarray:
    """Return (rows, columns) of Gaussian processes with unit variance, smooth over ``sigma`` rows.

    Two rows d apart correlate by exp(-d^2 / (4 sigma^2)).
    """
    margin = int(np.ceil(4 * sigma))
    white = rng.standard_normal((rows + 2 * margin, columns))
    smooth = gaussian_filter1d(white, sigma, axis=0, mode="constant")[margin : margin + rows]
    return smooth * np.sqrt(2 * sigma * np.sqrt(np.pi))
