"""The two features: a clip's vectors as they come, and its label as a track of one row."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from affectssm.features.base import Extractor, Source
from affectssm.store.shards import Track
from minilab.corpus import HZ, read_clips, read_vectors, sentiment


class Vectors(Extractor):
    """Row i at (i + 0.5) / HZ seconds; rows that are not finite are masked."""

    def extract(self, source: Source) -> Iterator[Track]:
        value = read_vectors(source.path)[source.row.recording].astype(np.float32)
        valid = np.isfinite(value).all(axis=1)
        yield Track(np.where(valid[:, None], value, 0), (np.arange(len(value)) + 0.5) / HZ, valid, HZ)


class Sentiment(Extractor):
    """-3 to 3, of the whole clip."""

    def extract(self, source: Source) -> Iterator[Track]:
        value = _labels(source.path)[source.row.recording]
        yield Track(np.array([[value]], np.float32), np.array([0.5]), np.array([True]), 1.0)


@lru_cache(maxsize=1)
def _labels(path: Path) -> dict[str, float | None]:
    return {row["clip"]: sentiment(row["sentiment"]) for row in read_clips(path)}
