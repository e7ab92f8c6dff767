"""Tracks and faults with known content."""

from __future__ import annotations

import numpy as np

from affectssm.store.card import make_card
from affectssm.store.faults import Fault
from affectssm.store.track import Track

CARD = make_card("test", ["affectssm.errors"], {})


def made(seed: int, rows: int, dim: int = 3, dtype: type = np.float32) -> Track:
    rng = np.random.default_rng([seed, rows, dim])
    valid = rng.random(rows) > 0.2
    value = np.where(valid[:, None], rng.normal(size=(rows, dim)), 0).astype(dtype)
    return Track(value, np.cumsum(rng.random(rows) + 0.01) - 0.3, valid, float(rng.integers(1, 100)))


def fault(recording: str) -> Fault:
    return Fault("mosei", recording, "", "audio", "no_rows", "nothing", "rows", "quarantined")
