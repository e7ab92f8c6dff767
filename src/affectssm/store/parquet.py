"""Parquet files with a schema, a card and a check before they are put in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store.arrow import column
from affectssm.store.atomic import staged

TOGETHER = 1 << 13  # rows that are turned into Arrow's form at a time
CARD_KEY = b"affectssm.card"


def write_parquet(
    path: Path | str,
    columns: pa.Table | Mapping[str, Sequence[Any]],
    schema: pa.Schema,
    card: Mapping[str, Any],
) -> None:
    """Write a table atomically, in exactly ``schema``, with ``card`` in its metadata."""
    rows = columns.num_rows if isinstance(columns, pa.Table) else len(columns[schema.names[0]])
    carded = schema.with_metadata({CARD_KEY: cards.dumps(card).encode()})

    def validate(written: Path) -> None:
        found = pq.read_metadata(written)
        if found.num_rows != rows:
            raise DataError(path, f"{found.num_rows} rows after writing", f"{rows}", "run the command again")

    with staged(path, validate) as temporary, pq.ParquetWriter(temporary, carded) as writer:
        for at in range(0, max(1, rows), TOGETHER):
            table = _slice(columns, schema, slice(at, at + TOGETHER))
            writer.write_table(table.cast(schema).replace_schema_metadata(carded.metadata))


def _slice(columns: pa.Table | Mapping[str, Sequence[Any]], schema: pa.Schema, rows: slice) -> pa.Table:
    if isinstance(columns, pa.Table):
        return columns.slice(rows.start, rows.stop - rows.start)
    return pa.Table.from_arrays([column(columns[f.name][rows], f.type) for f in schema], schema=schema)


def read_parquet(path: Path | str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table.

    Raises:
        DataError: if the file is absent or not Parquet.
    """
    try:
        # not pq.read_table, which imports pyarrow.dataset and with it pandas: half a second of every short job
        with pq.ParquetFile(path) as file:
            return file.read(columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            path,
            f"not readable as Parquet: {error}",
            "a finished file of this workflow",
            "delete it and run again",
        ) from error


def read_parquet_card(path: Path | str) -> dict[str, Any] | None:
    """Return the card a Parquet file carries."""
    return cards.read_card(path)
