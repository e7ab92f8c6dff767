"""Answers of a model to media: rows from where the media start to where they end, gaps kept, as CSV.

Values of rows that are not valid are empty: a model that was trained on whole conversations answers there, too, from
what is around them, but nobody knows how well.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from affectssm.corpora.manifest import StreamRow
from affectssm.errors import DataError
from affectssm.media.probe import probe
from affectssm.store.atomic import staged

FIRST, LAST = ("recording", "participant", "start_s", "stop_s", "time_s"), "valid"
_ROWS = 1 << 13  # written at a time
_ROUNDING_S = 1e-6
Span = tuple[float, float]


def spans_of(rows: Iterable[StreamRow], root: Path) -> dict[tuple[str, str], Span]:
    """Return of each participant where their video starts and ends, in seconds; their sound where they have none."""
    found: dict[tuple[str, str], Span] = {}
    probed: dict[str, Any] = {}
    for row in sorted(rows, key=lambda row: row.kind != "video"):
        key = row.recording, row.participant
        if row.kind not in ("video", "audio") or key in found:
            continue
        if row.path not in probed:
            probed[row.path] = probe(root / row.path)
        streams = probed[row.path].video if row.kind == "video" else probed[row.path].audio
        if streams:
            found[key] = (max(streams[0].start, 0.0), streams[0].start + streams[0].duration)
    return found


def checked(table: pa.Table, quantities: Iterable[str], where: str) -> pa.Table:
    """Return answers in the order of their columns, without values where they are not valid.

    Raises:
        DataError: for a table without a column, or with answers that are no numbers.
    """
    names = [*FIRST, *quantities, LAST]
    if absent := [name for name in names if name not in table.column_names]:
        raise DataError(
            where, f"answers without {', '.join(absent)}", ", ".join(names), "mend the family's answer"
        )
    valid = table[LAST].to_numpy(zero_copy_only=False).astype(bool)
    for name in quantities:
        values = np.array(table[name].to_numpy(zero_copy_only=False), np.float64)
        if not np.isfinite(values[valid]).all():
            raise DataError(
                where, f"{name} that is no number in {int((~np.isfinite(values[valid])).sum())} rows", "numbers",
                "the model's weights are damaged, or its training diverged: pack another run",
            )  # fmt: skip
        values[~valid] = np.nan
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table.select(names)


def within(table: pa.Table, spans: Mapping[tuple[str, str], Span]) -> pa.Table:
    """Return the rows whose centre lies within the media; the first begins, and the last ends, where the media do.

    A grid of frames begins at zero and is a whole number of frames long, which a video need not be.
    """
    keys = list(zip(table["recording"].to_pylist(), table["participant"].to_pylist(), strict=True))
    start, stop, centre = (
        table[name].to_numpy().astype(np.float64) for name in ("start_s", "stop_s", "time_s")
    )
    kept = []
    for rows in _runs(keys):
        begin, end = spans.get(keys[rows.start], (0.0, math.inf))
        own = np.arange(rows.start, rows.stop)
        own = own[(centre[own] >= begin) & (centre[own] <= end)]
        if len(own):
            half = (stop[own[-1]] - start[own[-1]]) / 2
            if begin >= start[own[0]] - half - _ROUNDING_S:
                start[own[0]] = begin
            if end <= stop[own[-1]] + half + _ROUNDING_S:  # else what lasts longer was not answered for
                stop[own[-1]] = end
        kept.append(own)
    chosen = np.concatenate([np.zeros(0, np.int64), *kept])
    for name, values in (("start_s", start), ("stop_s", stop)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return table.take(pa.array(chosen))


def _runs(keys: list[tuple[str, str]]) -> Iterator[range]:
    begin = 0
    for at in range(1, len(keys) + 1):
        if at == len(keys) or keys[at] != keys[begin]:
            yield range(begin, at)
            begin = at


def write_csv(path: Path, table: pa.Table) -> None:
    """Write answers as CSV, some thousand rows at a time: times in seconds, values with six digits, valid 0 or 1."""
    with staged(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.column_names)
        for batch in table.to_batches(max_chunksize=_ROWS):
            columns = [_cells(name, batch.column(name).to_pylist()) for name in table.column_names]
            writer.writerows(zip(*columns, strict=True))


def _cells(name: str, values: list[Any]) -> list[Any]:
    if name == LAST:
        return [int(value) for value in values]
    if name.endswith("_s"):
        return [f"{value:.6f}".rstrip("0").rstrip(".") for value in values]
    return [_value(value) for value in values]


def _value(value: Any) -> Any:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return "" if value is None else value
