"""``sentiment``: the label of a clip, one row of one column, or of four with those of text, audio and vision alone.

From -3 to 3 or from -1 to 1, as the corpus has it. Of a clip with four, one that is missing is ``NO_LABEL``, which is
on neither scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from affectssm.corpora.clip_tables import ClipTable, read_table
from affectssm.corpora.manifest import StreamRow
from affectssm.features.base import Extractor, Source
from affectssm.features.supplied import gone, place_of
from affectssm.media.csd import Csd
from affectssm.store.shards import Track

NO_LABEL = -9.0
_KEPT = 4  # of a table or a file of labels, which all clips of a corpus share


class Label(Extractor):
    """The label of a clip of any split; no settings. Its faults were reported by discovery."""

    def extract(self, source: Source) -> Iterator[Track]:
        row = source.row
        found = np.full(row.dim, np.nan)
        held = _labels(row, source.path)[: row.dim]
        found[: len(held)] = held
        if np.isnan(found[0]):
            raise gone(source.path, f"no label of {row.recording}")
        value = np.nan_to_num(found, nan=NO_LABEL).astype(np.float32)[None]
        yield Track(value, np.full(1, 0.5), np.ones(1, bool), row.rate)


def _labels(row: StreamRow, path: Path) -> Sequence[float]:
    stat = path.stat()
    stamp = (stat.st_size, stat.st_mtime_ns)
    suffix = path.suffix.lower()
    if suffix == ".pkl":
        table, at = place_of(path, row.recording)
        return table.labels[at].tolist()
    if suffix == ".csd":
        values, _ = _sequences(path, stamp).read(row.fold_group)
        place = int(row.recording.rpartition("[")[2].removesuffix("]"))
        if place >= len(values):
            raise gone(path, f"{len(values)} labels of {row.fold_group}")
        return values[place].tolist()
    lines = _table(path, stamp)
    if row.recording not in lines:
        raise gone(path, f"no line of {row.recording}")
    return lines[row.recording].labels


@lru_cache(maxsize=_KEPT)
def _table(path: Path, _: tuple[int, int]) -> ClipTable:
    return read_table(path)


@lru_cache(maxsize=_KEPT)
def _sequences(path: Path, _: tuple[int, int]) -> Csd:
    return Csd(path)
