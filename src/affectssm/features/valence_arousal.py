"""``valence_arousal``: the labels of Aff-Wild2 as tracks of two columns, a row for each frame of the video.

Frame i lies at (i + 0.5) / rate seconds, at the rate of the video. Rows that the owner marks with -5, and what is no
number in [-1, 1], are masked. The owner withholds the labels of test videos, so that there is no feature of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from affectssm.corpora.manifest import StreamRow, is_test_split
from affectssm.corpora.valence_arousal import COLUMNS, read_valence_arousal
from affectssm.features.base import Extractor, Source
from affectssm.store.shards import Track


class Labels(Extractor):
    """Valence and arousal in [-1, 1], (T, 2) float32; no settings. Their faults were reported by discovery."""

    @property
    def dim(self) -> int:
        return len(COLUMNS)

    def wants(self, row: StreamRow) -> bool:
        return row.dim == self.dim and not is_test_split(row.split)

    def extract(self, source: Source) -> Iterator[Track]:
        labels, rate = read_valence_arousal(source.path), source.row.rate
        time = (np.arange(len(labels.value)) + 0.5) / rate
        yield Track(labels.value, time, labels.valid, rate)
