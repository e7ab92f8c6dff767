"""Writes the segments of a shard: their values in ``{shard}.h5``, and last their index in ``{shard}.parquet``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from affectssm.errors import DataError
from affectssm.store.atomic import staged
from affectssm.store.card import dumps
from affectssm.store.column import Column
from affectssm.store.parquet import write_parquet
from affectssm.store.shard_writer import created
from affectssm.timeline.segment_format import VALID, VALUE, SegmentFormat


@dataclass(frozen=True)
class Cut:
    """A modality of an item.

    Attributes:
        value: (E, C, L) float32 of its segments, zeros where it is not there.
        there: (E,) bool, the segments that have it.
        valid: (E, L) bool, the samples that count; None where all of a segment that has it do.
    """

    value: np.ndarray
    there: np.ndarray
    valid: np.ndarray | None = None


class SegmentFile:
    """The segments of a shard in the making.

    Args:
        file: the open HDF5 file.
        kept: how the family keeps its segments.
        shapes: modality -> (C, L).
        masked: whether single samples can be left out, so that ``valid`` is kept.
    """

    def __init__(
        self, file: h5py.File, kept: SegmentFormat, shapes: Mapping[str, tuple[int, int]], masked: bool
    ) -> None:
        self._format = kept
        self._rows: list[dict[str, Any]] = []
        self._columns: dict[tuple[str, str], Column] = {}
        for name, shape in shapes.items():
            group = file.create_group(name)
            self._columns[name, VALUE] = Column(group, VALUE, shape, np.float32)
            if masked:
                self._columns[name, VALID] = Column(group, VALID, shape[1:], np.bool_)

    def append(self, item: Mapping[str, Any], count: int, length_s: float, cuts: Mapping[str, Cut]) -> None:
        """Append the first segments of an item.

        Args:
            item: the index's columns that all its segments share.
            count: how many segments.
            length_s: seconds from one segment to the next.
            cuts: of the modalities that it has; the others are zeros, and not there.
        """
        for (name, what), column in self._columns.items():
            if name not in cuts:
                column.skip(count)
            elif what == VALUE:
                column.append(cuts[name].value[:count])
            else:
                column.append(_valid(cuts[name])[:count])
        first = len(self._rows)
        self._rows += [
            {
                **item,
                self._format.number: number,
                "row": first + number,
                "start_s": number * length_s,
                **{name: name in cuts and bool(cuts[name].there[number]) for name in self._format.modalities},
            }
            for number in range(count)
        ]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The index, a row a segment."""
        return self._rows

    def flush(self) -> None:
        """Write what is held."""
        for column in self._columns.values():
            column.flush()


def _valid(cut: Cut) -> np.ndarray:
    if cut.valid is not None:
        return cut.valid
    return np.broadcast_to(cut.there[:, None], (len(cut.there), cut.value.shape[2]))


@contextmanager
def written_segments(
    out: Path,
    kept: SegmentFormat,
    shapes: Mapping[str, tuple[int, int]],
    card: Mapping[str, Any],
    masked: bool = False,
    **attributes: float,
) -> Iterator[SegmentFile]:
    """Write the values of a shard's segments, whole or not at all; :func:`write_index` writes the index.

    Args:
        out: ``{shard}.h5``.
        kept, shapes, masked: see :class:`SegmentFile`.
        card: of the file.
        attributes: of the file, ``rate_hz`` say.

    Raises:
        DataError: if it cannot be written whole.
    """
    made: list[SegmentFile] = []

    def validate(written: Path) -> None:
        with h5py.File(written, "r", locking=False) as file:
            counts = {name: len(file[name][VALUE]) for name in shapes}
        if set(counts.values()) - {len(made[0].rows)}:
            raise DataError(out, f"{counts} segments", f"{len(made[0].rows)} each", "run the command again")

    with staged(out, validate) as temporary, created(temporary) as file:
        made.append(SegmentFile(file, kept, shapes, masked))
        yield made[0]
        made[0].flush()
        file.attrs["card"] = dumps(card)
        for name, value in attributes.items():
            file.attrs[name] = value


def write_index(path: Path, kept: SegmentFormat, rows: list[dict[str, Any]], card: Mapping[str, Any]) -> None:
    """Write the index of a shard's segments."""
    schema = kept.index
    write_parquet(path, {name: [row[name] for row in rows] for name in schema.names}, schema, card)
