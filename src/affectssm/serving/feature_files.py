"""Features of given media as Parquet, CSV or HDF5.

Long: a row each of a feature at its own rate (recording, participant, feature, time_s, valid, value). Wide, on one
clock: a row a frame, with a column of values and one of validity for each feature; in CSV a column for each value.

In HDF5 a feature is a group with ``recording``, ``participant``, ``time_s``, ``valid`` and ``value`` (N, D); what is on
one clock has the first three beside the groups. The card lies in Parquet's metadata, in HDF5's attribute ``card``, and
beside a CSV as ``{name}.card.json``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from affectssm.errors import ConfigError
from affectssm.serving.feature_rows import Piece
from affectssm.store import card as cards
from affectssm.store.arrow import column
from affectssm.store.atomic import staged, write_text
from affectssm.store.parquet import CARD_KEY

VALUES = pa.list_(pa.float32())
KEYS = [("recording", pa.string()), ("participant", pa.string())]
_TEXT = h5py.string_dtype()
Take = Callable[[Piece], None]


def check_name(out: Path) -> str:
    """Return the ending of a table's name.

    Raises:
        ConfigError: for one that is none of a table's.
    """
    ending = out.suffix.lower()
    if ending in _WRITERS:
        return ending
    raise ConfigError(
        "--out",
        f"the ending {out.suffix!r} of {out.name}",
        f"one of {', '.join(_WRITERS)}",
        "name the file so",
    )


def write(
    out: Path, pieces: Iterable[Piece], dims: Mapping[str, int], wide: bool, card: Mapping[str, Any]
) -> int:
    """Write a table atomically, piece by piece; return its rows.

    Args:
        out: whose ending decides the form.
        pieces: of one feature each, or (wide) with all.
        dims: columns of each feature.
        wide: whether the pieces hold all features on one clock.
        card: of the table.
    """
    rows = 0
    with staged(out) as temporary, _WRITERS[check_name(out)](temporary, dims, wide, card) as take:
        for piece in pieces:
            take(piece)
            rows += len(piece.time)
    if out.suffix.lower() == ".csv":
        write_text(out.with_suffix(".card.json"), '{"card": ' + cards.dumps(card) + "}\n")
    return rows


@contextmanager
def _parquet(path: Path, dims: Mapping[str, int], wide: bool, card: Mapping[str, Any]) -> Iterator[Take]:
    if wide:
        own = [(name, kind) for one in dims for name, kind in ((one, VALUES), (f"{one}_valid", pa.bool_()))]
        schema = pa.schema([*KEYS, ("time_s", pa.float64()), *own])
    else:
        long = [("feature", pa.string()), ("time_s", pa.float64()), ("valid", pa.bool_()), ("value", VALUES)]
        schema = pa.schema([*KEYS, *long])
    carded = schema.with_metadata({CARD_KEY: cards.dumps(card).encode()})
    with pq.ParquetWriter(path, carded) as writer:

        def take(piece: Piece) -> None:
            count = len(piece.time)
            found: dict[str, Any] = {
                "recording": column([piece.recording] * count, pa.string()),
                "participant": column([piece.participant] * count, pa.string()),
                "time_s": column(piece.time, pa.float64()),
            }
            for name, (value, valid) in piece.features.items():
                own = _lists(value), column(valid, pa.bool_())
                if wide:
                    found |= dict(zip((name, f"{name}_valid"), own, strict=True))
                else:
                    found |= dict(zip(("value", "valid"), own, strict=True))
                    found["feature"] = column([name] * count, pa.string())
            table = pa.Table.from_arrays([found[name] for name in schema.names], schema=schema)
            writer.write_table(table.replace_schema_metadata(carded.metadata))

        yield take


def _lists(value: np.ndarray) -> pa.Array:
    """Rows (T, D) as an array of lists."""
    ends = np.arange(0, value.size + 1, max(1, value.shape[1]), dtype=np.int32)
    flat = column(np.ascontiguousarray(value).ravel(), pa.float32())
    return pa.ListArray.from_arrays(column(ends, pa.int32()), flat, type=VALUES)


@contextmanager
def _csv(path: Path, dims: Mapping[str, int], wide: bool, card: Mapping[str, Any]) -> Iterator[Take]:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        head = ["recording", "participant"]
        if wide:
            for name, dim in dims.items():
                head += [] if name != next(iter(dims)) else ["time_s"]
                head += [f"{name}_valid", *(f"{name}_{at}" for at in range(dim))]
        else:
            head += ["feature", "time_s", "valid", "value"]
        writer.writerow(head)

        def take(piece: Piece) -> None:
            for at, time in enumerate(piece.time.tolist()):
                line: list[Any] = [piece.recording, piece.participant]
                if wide:
                    line.append(f"{time:.6f}")
                for name, (value, valid) in piece.features.items():
                    numbers = [f"{number:.7g}" for number in value[at].tolist()]
                    if wide:
                        line += [int(valid[at]), *numbers]
                    else:
                        line += [name, f"{time:.6f}", int(valid[at]), " ".join(numbers)]
                writer.writerow(line)

        yield take


@contextmanager
def _hdf5(path: Path, dims: Mapping[str, int], wide: bool, card: Mapping[str, Any]) -> Iterator[Take]:
    with h5py.File(path, "w", locking=False) as file:
        file.attrs["card"] = cards.dumps(card)
        for name, dim in dims.items():
            group = file.create_group(name)
            _growing(group, "value", (dim,), np.float32)
            _growing(group, "valid", (), np.uint8)
            _keys(file if wide else group)

        def take(piece: Piece) -> None:
            for name, (value, valid) in piece.features.items():
                _append(file[name]["value"], value)
                _append(file[name]["valid"], valid.astype(np.uint8))
                if not wide:
                    _append_keys(file[name], piece)
            if wide:
                _append_keys(file, piece)

        yield take


def _keys(group: h5py.Group) -> None:
    if "time_s" not in group:
        _growing(group, "recording", (), _TEXT)
        _growing(group, "participant", (), _TEXT)
        _growing(group, "time_s", (), np.float64)


def _growing(group: h5py.Group, name: str, shape: tuple[int, ...], kind: Any) -> None:
    chunk = max(1, (1 << 16) // max(1, int(np.prod(shape, dtype=int))))
    group.create_dataset(
        name, (0, *shape), kind, maxshape=(None, *shape), chunks=(chunk, *shape), compression="gzip",
        compression_opts=1, shuffle=True,
    )  # fmt: skip


def _append_keys(group: h5py.Group, piece: Piece) -> None:
    count = len(piece.time)
    _append(group["recording"], [piece.recording] * count)
    _append(group["participant"], [piece.participant] * count)
    _append(group["time_s"], piece.time)


def _append(dataset: h5py.Dataset, values: Any) -> None:
    first = len(dataset)
    dataset.resize(first + len(values), axis=0)
    dataset[first:] = values


_WRITERS = {".parquet": _parquet, ".csv": _csv, ".h5": _hdf5}
