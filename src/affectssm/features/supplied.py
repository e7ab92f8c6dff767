"""Arrays that a corpus's owners computed of all its clips, as they come: ``aligned_text``, ``unaligned_audio``, ...

(T, D) float32, T the clip's own rows without padding; row i lies at (i + 0.5) s, for supplied arrays have no time of
their own. Rows with NaN or infinity, as COVAREP has them, are not valid and 0. ``tokens`` (T, 1): ids of a tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from affectssm.corpora.supplied import Supplied as Tables
from affectssm.corpora.supplied import Table, read_supplied
from affectssm.features.base import Extractor, Source, finite_track
from affectssm.media.probe import MediaError
from affectssm.store.shards import Track


class Supplied(Extractor):
    """An array of a pickle; it has no settings. The file is opened once, and read clip by clip."""

    def extract(self, source: Source) -> Iterator[Track]:
        row = source.row
        table, at = place_of(source.path, row.recording)
        if row.kind not in table.arrays:
            raise gone(source.path, f"{row.recording} without {row.kind}")
        found = table.rows(row.kind, at)
        yield finite_track(source, found, (np.arange(len(found)) + 0.5) / row.rate)


def place_of(path: Path, recording: str) -> tuple[Table, int]:
    """Return where a clip lies in a pickle.

    Raises:
        MediaError: if the pickle cannot be read or does not hold it.
    """
    stat = path.stat()
    places = _opened(path, (stat.st_size, stat.st_mtime_ns)).places
    if recording not in places:
        raise gone(path, f"no {recording}")
    return places[recording]


def gone(path: Path, found: str) -> MediaError:
    """Return the error of a file that is not the one a manifest was made of."""
    return MediaError(path, found, "what the manifest names", "make the manifest again")


@lru_cache(maxsize=2)
def _opened(path: Path, _: tuple[int, int]) -> Tables:
    return read_supplied(path)
