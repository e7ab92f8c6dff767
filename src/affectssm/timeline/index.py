"""The window index: which windows there are, of whom, and who else was in the room.

A window is (recording, participant, start, length) on the clock. Its frames are stored nowhere: they are
gathered from the feature files when a batch is made. In memory an index is two integers a window and one
:class:`Target` a participant, so that an index of a thousand sessions fits easily.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from affectssm.errors import DataError
from affectssm.store.arrow import column, numbers
from affectssm.store.parquet import read_parquet_card
from affectssm.timeline.frames import Frames
from affectssm.timeline.streamed import streamed

_APPEND_ROWS = 1 << 17

SCHEMA = pa.schema(
    [
        ("corpus", pa.string()),
        ("split", pa.string()),
        ("fold", pa.string()),
        ("shard", pa.string()),
        ("recording", pa.string()),
        ("participant", pa.string()),
        ("start", pa.int32()),
        ("length", pa.int32()),
        ("target_start", pa.int32()),
        ("target_stop", pa.int32()),
        ("clock_frames", pa.int32()),
        ("label_frames", pa.int32()),
        ("label_hz", pa.float64()),
        ("partners", pa.list_(pa.string())),
    ]
)
_OF_A_TARGET = (
    "corpus",
    "split",
    "fold",
    "shard",
    "recording",
    "participant",
    "clock_frames",
    "label_frames",
    "label_hz",
)


@dataclass(frozen=True)
class Target:
    """A participant whose labels are predicted.

    Attributes:
        split: as the corpus' owner names it.
        clock_frames, label_frames: length of the time line.
        label_hz: label frames a second.
        partners: the other participants present in the recording, sorted.
    """

    corpus: str
    split: str
    fold: str
    shard: str
    recording: str
    participant: str
    clock_frames: int
    label_frames: int
    label_hz: float
    partners: tuple[str, ...]

    @property
    def seats(self) -> tuple[str, ...]:
        """The target and then the partners."""
        return self.participant, *self.partners


@dataclass(frozen=True)
class WindowIndex:
    """Windows of one part of a task.

    Attributes:
        frames: what a window is.
        per_label: clock frames in a label frame.
        targets: the participants, in file order.
        target: (W,) int32, the position in ``targets`` of each window.
        start: (W,) int32, first clock frame of each window; may be negative.
    """

    frames: Frames
    per_label: int
    targets: tuple[Target, ...]
    target: np.ndarray
    start: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    @property
    def length(self) -> int:
        """Clock frames in a window."""
        return self.frames.length

    def label_frames(self, windows: Any) -> np.ndarray:
        """Return the label frames of the centres of some windows, by number: (B, F)."""
        first = (self.start[windows].astype(np.int64) + self.frames.context) // self.per_label
        return np.expand_dims(first, -1) + np.arange(self.frames.centre // self.per_label)

    def select(self, keep: Callable[[Target], bool]) -> WindowIndex:
        """Return the windows of the targets for which ``keep`` is true."""
        kept = np.array([keep(target) for target in self.targets], bool)
        renumbered = np.cumsum(kept) - 1
        windows = kept[self.target] if len(self) else np.zeros(0, bool)
        targets = tuple(target for target, stays in zip(self.targets, kept, strict=True) if stays)
        return WindowIndex(
            self.frames,
            self.per_label,
            targets,
            renumbered[self.target[windows]].astype(np.int32),
            self.start[windows],
        )


def read_windows(path: Path | str) -> WindowIndex:
    """Read a window index.

    Raises:
        DataError: if the file is absent or is no window index.
    """
    card = read_parquet_card(path)
    try:
        settings = card["settings"] if card else {}
        file = pq.ParquetFile(path)
        if file.schema_arrow.names != SCHEMA.names:
            raise DataError(
                path, f"columns {file.schema_arrow.names}", f"{SCHEMA.names}", "delete it and run again"
            )
        per_label, told = int(settings["per_label"]), settings["frames"]
        frames = Frames(**{**told, "columns": tuple(told["columns"])})
    except (KeyError, TypeError, OSError, pa.ArrowInvalid) as error:
        raise DataError(
            path, f"no window index: {error}", "a finished window index", "delete it and run again"
        ) from error
    targets: dict[Target, int] = {}
    of_windows: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    for batch in file.iter_batches(batch_size=1 << 17):
        of_windows.append(_targets_of(batch, targets))
        starts.append(numbers(batch.column("start")))
    return WindowIndex(
        frames,
        per_label,
        tuple(targets),
        np.concatenate([np.zeros(0, np.int32), *of_windows]),
        np.concatenate([np.zeros(0, np.int32), *starts]),
    )


def _targets_of(batch: pa.RecordBatch, targets: dict[Target, int]) -> np.ndarray:
    """Number the targets of some rows, adding new ones; only the first row of each run is decoded."""
    changed = np.zeros(len(batch), bool)
    for name in ("corpus", "recording", "participant"):
        codes = numbers(batch.column(name).dictionary_encode().indices)
        changed[1:] |= codes[1:] != codes[:-1]
    changed[:1] = True
    columns = batch.filter(column(changed, pa.bool_())).select([*_OF_A_TARGET, "partners"]).to_pylist()
    places = [
        targets.setdefault(Target(**{**row, "partners": tuple(row["partners"])}), len(targets))
        for row in columns
    ]
    return np.array(places, np.int32)[np.cumsum(changed) - 1]


def write_index(path: Path | str, targets: Iterable[Target], frames: Frames, card: Mapping[str, Any]) -> None:
    """Write the windows of ``targets``, in their order, a few at a time.

    Args:
        path: of the index.
        targets: whose windows.
        frames: what a window is.
        card: its settings hold ``frames.told(per_label)``.
    """
    with streamed(path, SCHEMA, card) as append:
        for tables in _in_pieces((_windows_of(target, frames) for target in targets), _APPEND_ROWS):
            append(pa.concat_tables(tables))


def _in_pieces(tables: Iterator[pa.Table], rows: int) -> Iterator[list[pa.Table]]:
    """Group tables until they have ``rows`` rows."""
    piece: list[pa.Table] = []
    for table in tables:
        piece.append(table)
        if sum(map(len, piece)) >= rows:
            yield piece
            piece = []
    if piece:
        yield piece


def _windows_of(target: Target, frames: Frames) -> pa.Table:
    start = frames.starts(target.clock_frames)
    target_start = start + frames.context
    varying = {
        "start": start,
        "target_start": target_start,
        "target_stop": np.minimum(target_start + frames.centre, target.clock_frames),
    }
    constant = vars(target) | {"length": frames.length, "partners": list(target.partners)}
    columns = [
        pa.array(varying[field.name], field.type)
        if field.name in varying
        else pa.repeat(pa.scalar(constant[field.name], field.type), len(start))
        for field in SCHEMA
    ]
    return pa.table(columns, SCHEMA)
