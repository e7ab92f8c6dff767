"""A file of DEAP's preprocessed edition; discovery and features read it, and nothing else of each other's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.channels import PREPROCESSED, PREPROCESSED_SAMPLES
from affectssm.media.pickles import read_pickle
from affectssm.media.probe import MediaError

LABELS = ("valence", "arousal", "dominance", "liking")
_SHAPE = (
    f"data (trials, {len(PREPROCESSED)}, {PREPROCESSED_SAMPLES}) and labels (trials, {len(LABELS)}), numbers"
)
_COPY = "copy the file again from the owner's download"


class ShapeError(MediaError):
    """A pickle of arrays that are not DEAP's."""

    code = "signal_shape"


def read_dat(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return `data` (trials, 40, 8064) and `labels` (trials, 4) of a preprocessed file.

    Raises:
        UnsafeFileError: if the pickle asks for more than arrays.
        ShapeError: if it holds something else.
        MediaError: if it does not read.
    """
    held = read_pickle(path)
    data, labels = (held.get("data"), held.get("labels")) if isinstance(held, dict) else (None, None)
    if not (isinstance(data, np.ndarray) and isinstance(labels, np.ndarray)):
        raise ShapeError(path, f"{type(data).__name__} and {type(labels).__name__}", _SHAPE, _COPY)
    fits = data.shape[1:] == (len(PREPROCESSED), PREPROCESSED_SAMPLES)
    fits = fits and labels.shape == (len(data), len(LABELS)) and len(data) > 0
    if not fits or data.dtype.kind != "f" or labels.dtype.kind != "f":
        found = f"data {data.dtype} {data.shape} and labels {labels.dtype} {labels.shape}"
        raise ShapeError(path, found, _SHAPE, _COPY)
    return data, labels
