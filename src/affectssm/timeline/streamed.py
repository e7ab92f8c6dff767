"""Parquet tables too large to be held at once: written piece by piece, yet atomic, validated, with a card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store.atomic import staged
from affectssm.store.parquet import CARD_KEY


@contextmanager
def streamed(
    path: Path | str, schema: pa.Schema, card: Mapping[str, Any], dictionary: bool = True
) -> Iterator[Callable[[pa.Table], None]]:
    """Yield a function that appends a table as one row group.

    Args:
        path: the final file.
        schema: of every appended table.
        card: goes into the file's metadata.
        dictionary: encode columns by dictionary (small for keys, useless for floats).

    Raises:
        DataError: if the file cannot be written, or does not hold as many rows as were appended.
    """
    rows = 0

    def validate(written: Path) -> None:
        found = pq.read_metadata(written).num_rows
        if found != rows:
            raise DataError(path, f"{found} rows after writing", f"{rows}", "run the command again")

    with staged(path, validate) as temporary:
        schema = schema.with_metadata({CARD_KEY: cards.dumps(card).encode()})
        with pq.ParquetWriter(temporary, schema, use_dictionary=dictionary) as writer:

            def append(table: pa.Table) -> None:
                nonlocal rows
                rows += table.num_rows
                writer.write_table(
                    table.replace_schema_metadata(schema.metadata), row_group_size=max(1, len(table))
                )

            yield append
