"""Windows of a target as Parquet: fixed-size lists, a row group a window, no dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from affectssm.timeline.batch import NativeBatch
from affectssm.timeline.frame_batch import FrameBatch
from affectssm.timeline.loader import WindowDataset
from affectssm.timeline.streamed import streamed

KEYS = ("corpus", "split", "recording", "participant")


def schema_of(dataset: WindowDataset, label: tuple[int, ...], seats: int) -> pa.Schema:
    """Columns of a window with up to ``seats`` partners and labels of this shape."""
    length = dataset.index.length
    fields = [pa.field(name, pa.string()) for name in KEYS]
    fields += [pa.field("start", pa.int32()), _field("frame_valid", pa.bool_(), length)]
    fields += [_field("label", pa.float32(), *label), _field("label.valid", pa.bool_(), label[0])]
    for seat in range(seats + 1):
        if seat:
            fields.append(pa.field(f"partner{seat}", pa.string()))
        for name, dim in dataset.dims.items():
            fields.append(_field(_column(seat, name), pa.float32(), length, dim))
            fields.append(_field(_column(seat, name) + ".valid", pa.bool_(), length))
    return pa.schema(fields)


def write_parquet_windows(
    path: Path, dataset: WindowDataset, numbers: np.ndarray, seats: int, card: Mapping[str, Any]
) -> None:
    """Write the windows with these numbers, all of one target."""
    schema = schema_of(dataset, tuple(dataset[numbers[0]].label.shape[1:]), seats)
    with streamed(path, schema, card, dictionary=False) as append:
        for number in numbers:
            native = dataset[number]
            append(_row(dataset, native, native.interpolate(None), schema))


def _row(dataset: WindowDataset, native: NativeBatch, frames: FrameBatch, schema: pa.Schema) -> pa.Table:
    window = int(native.window[0])
    target = dataset.index.targets[dataset.index.target[window]]
    values: dict[str, Any] = {name: getattr(target, name) for name in KEYS}
    values |= {
        "start": int(dataset.index.start[window]),
        "frame_valid": frames.frame_valid,
        "label": native.label,
        "label.valid": native.label_valid,
    }
    for name in dataset.dims:
        of_target, of_partners = frames.target[name], frames.partners[name]
        values[name], values[f"{name}.valid"] = of_target.frames(), of_target.valid
        partners = of_partners.frames()
        for seat in range(1, len(target.partners) + 1):
            values[_column(seat, name)] = partners[:, seat - 1]
            values[_column(seat, name) + ".valid"] = of_partners.valid[:, seat - 1]
    values |= {f"partner{seat}": partner for seat, partner in enumerate(target.partners, 1)}
    return pa.table([_array(values.get(field.name), field.type) for field in schema], schema)


def _column(seat: int, feature: str) -> str:
    return f"partner{seat}.{feature}" if seat else feature


def _field(name: str, kind: pa.DataType, *shape: int) -> pa.Field:
    size = int(np.prod(shape))
    return pa.field(name, pa.list_(kind, size), metadata={"shape": ",".join(map(str, shape))})


def _array(value: Any, kind: pa.DataType) -> pa.Array:
    """One cell of a column; None is null."""
    if value is None or not pa.types.is_fixed_size_list(kind):
        return pa.array([value], kind)
    return pa.FixedSizeListArray.from_arrays(pa.array(value.numpy().reshape(-1), kind.value_type), type=kind)
