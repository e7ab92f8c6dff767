"""An extractor's blocks, held to what a track is before they are written.

This stands between every extractor and the feature file, so that no extractor has to see to it: what it raises becomes
an error of the one file it reads, rows that are not finite are masked, and a file without a single row is told.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from affectssm.features.base import Extractor, Source
from affectssm.media.probe import MediaNote
from affectssm.store.boundary import boundary
from affectssm.store.shards import Track

_UNITS = {"video": "pictures", "audio": "samples", "annotation": "lines", "ratings": "trial"}


class CheckedBlocks:
    """Iterates over the blocks of a source's track.

    Args:
        extractor: whose.
        source: the participant's stream.

    Attributes:
        rows: how many there were so far.
        notes: after the iteration, what was wrong with the rows.

    Raises:
        DataError: while iterating, if the file cannot be read.
        UnexpectedError: while iterating, for whatever else the extractor raises, and for blocks that are no track.
    """

    def __init__(self, extractor: Extractor, source: Source) -> None:
        self.extractor, self.source = extractor, source
        self.rows = 0
        self.notes: list[MediaNote] = []
        self._last: Track | None = None

    def __iter__(self) -> Iterator[Track]:
        found, bad = iter(self.extractor.extract(self.source)), 0
        while True:
            with boundary(self.source.path):
                block = next(found, None)
                if block is not None:
                    _check(block, self._last)
            if block is None:
                break
            if not len(block.time):
                continue
            finite = np.isfinite(block.value).all(axis=1)
            bad += int((~finite).sum())
            self.rows += len(block.time)
            self._last = block
            yield block if finite.all() else _masked(block, finite)
        if bad:
            found_text = f"{bad} of {self.rows} rows of {self.extractor.name}"
            self.notes.append(MediaNote("feature_not_finite", found_text, "finite values", "masked"))

    def nothing(self) -> MediaNote:
        """Return the fault of a file that gave no row."""
        row = self.source.row
        held = f"{row.frames} {_UNITS.get(row.kind, 'rows')} at {row.rate:g} Hz by the manifest"
        found = f"no row of {self.extractor.name}; {held}"
        return MediaNote("no_rows", found, self.extractor.least, "quarantined")


def _check(block: Track, before: Track | None) -> None:
    """Raise a ValueError where a block is none, or does not continue the one before it."""
    value, time, valid = block.value, block.time, block.valid
    if value.ndim != 2 or not len(value) == len(time) == len(valid):
        raise ValueError(f"a block of shapes {value.shape}, {time.shape}, {valid.shape}")
    if not (np.isfinite(block.rate) and block.rate >= 0):
        raise ValueError(f"a block at {block.rate} Hz")
    if not len(time):
        return
    if not np.isfinite(time).all() or not (np.diff(time) > 0).all():
        raise ValueError("a block whose times are not finite or do not increase")
    if before is None:
        return
    same = value.shape[1] == before.value.shape[1] and value.dtype == before.value.dtype
    if not same or block.rate != before.rate or not time[0] > before.time[-1]:
        raise ValueError("a block that does not continue the one before it")


def _masked(block: Track, finite: np.ndarray) -> Track:
    value = np.where(finite[:, None], block.value, block.value.dtype.type(0))
    return Track(value, block.time, block.valid & finite, block.rate)
