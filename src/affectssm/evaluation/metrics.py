"""Which frames of a participant are paired, prediction with annotation, before their agreement is told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from affectssm.training.agreement import Array


def official_pairs(prediction: Array, target: Array, valid: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Pair the frames of one participant as the challenge's scorer does.

    It reads each file with the unparsable lines skipped independently, truncates both to the shorter and masks what is
    not finite (hcmlab/MultiMediate26, 5_CreateResulttable.py). A complete prediction against labels with blank lines is
    therefore scored shifted; this mode exists to compare with the owner's numbers.
    """
    labels = np.asarray(target, dtype=np.float64)[np.asarray(valid, dtype=bool)]
    written = np.asarray(prediction, dtype=np.float64)
    written = written[~np.isnan(written)]
    n = min(labels.size, written.size)
    labels, written = labels[:n], written[:n]
    finite = np.isfinite(labels) & np.isfinite(written)
    return written[finite], labels[finite]


def by_frame_pairs(prediction: Array, target: Array, valid: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Pair the frames of one participant by index; invalid labels and absent predictions are masked."""
    n = min(len(prediction), len(target))
    keep = np.asarray(valid[:n], dtype=bool) & np.isfinite(prediction[:n])
    return np.asarray(prediction[:n], dtype=np.float64)[keep], np.asarray(target[:n], dtype=np.float64)[keep]


PAIRINGS = {"by_frame": by_frame_pairs, "official": official_pairs}
