"""``listed_frames``: the frames of a test video that the owner wants an answer for, and where its template names them.

A row for each listed frame, at the frame's time: (n, 1) float32, the line of the template that it stands in, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from affectssm.corpora.affwild2_tests import read_listed
from affectssm.features.base import Extractor, Source
from affectssm.store.shards import Track

_read = lru_cache(maxsize=1)(read_listed)  # a template names the frames of all videos


class ListedFrames(Extractor):
    """No settings; what is odd about the template was reported by discovery."""

    @property
    def dim(self) -> int:
        return 1

    def extract(self, source: Source) -> Iterator[Track]:
        listed, rate = _read(source.path), source.row.rate
        line = np.flatnonzero(listed.video == listed.names.index(source.row.participant))
        number, first = np.unique(listed.number[line], return_index=True)
        value = line[first].astype(np.float32)[:, None]  # exact below 2^24 lines
        yield Track(value, (number - 0.5) / rate, np.ones(len(number), bool), rate)
