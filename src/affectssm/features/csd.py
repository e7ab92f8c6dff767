"""Sequences of whole videos (:mod:`affectssm.media.csd`), cut to clips: ``csd_glove``, ``csd_covarep``, ...

(T, D) float32: the rows whose middles lie within the clip, at the middle's seconds since the clip began. Rows that are
not finite are not valid and 0; rows that do not come after the one before them are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from affectssm.features.base import Extractor, Source, finite_track
from affectssm.media.csd import Csd
from affectssm.store.shards import Track


class Timed(Extractor):
    """Rows of a video by their time; it has no settings."""

    def extract(self, source: Source) -> Iterator[Track]:
        row, stat = source.row, source.path.stat()
        file = _opened(source.path, (stat.st_size, stat.st_mtime_ns))
        found, intervals = file.read(row.fold_group, row.start_s, row.start_s + row.duration_s)
        time = intervals.mean(axis=1) - row.start_s
        order = np.argsort(time, kind="stable")
        order = order[np.diff(time[order], prepend=-np.inf) > 0]
        if len(order) < len(time) or (np.diff(order) < 0).any():
            text = f"{len(time)} rows, of which {len(time) - len(order)} at the time of another"
            source.note("bad_timestamps", text, "times that rise", "ignored")
        yield finite_track(source, found[order], time[order])


@lru_cache(maxsize=2)
def _opened(path: Path, _: tuple[int, int]) -> Csd:
    return Csd(path)
