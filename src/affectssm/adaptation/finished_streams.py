"""The finished folds of an unfinished job: a file for each table of a fold in a sibling folder, gone when all are done.

Files are named by the fold's number, for a fold's name comes from data. They belong to one card: after an edit of the
code, the settings or the data they are not taken up again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.errors import DataError
from affectssm.store.parquet import read_parquet, read_parquet_card, write_parquet
from affectssm.training.run_files import resume_folder
from affectssm.training.scans import backends_in, with_backends


class FinishedStreams:
    """Keeps folds by their number.

    Args:
        out: the file that is made of them.
        card: of that file.
        names: of a fold's tables, in their order.

    Attributes:
        ran: names of the scan backends that have computed the folds that were kept or found.
    """

    def __init__(self, out: Path, card: Mapping[str, Any], names: Sequence[str]) -> None:
        self.folder, self.card, self.names = resume_folder(out), card, tuple(names)
        self.ran: set[str] = set()

    def keep(self, number: int, tables: Sequence[pa.Table], ran: set[str]) -> None:
        """Keep the n-th fold, which these scan backends have computed."""
        self.ran |= ran
        for path, table in zip(self._paths(number), tables, strict=True):
            write_parquet(path, table, table.schema, with_backends(self.card, ran))

    def found(self, number: int) -> list[pa.Table] | None:
        """Return the n-th fold; None where it is not there, not whole, or of another card."""
        paths = self._paths(number)
        if not all(map(self._mine, paths)):
            return None
        self.ran |= backends_in(read_parquet_card(paths[0]) or {})
        return [read_parquet(path) for path in paths]

    def clear(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mine(self, path: Path) -> bool:
        try:
            return path.is_file() and (read_parquet_card(path) or {}).get("id") == self.card["id"]
        except DataError:
            return False

    def _paths(self, number: int) -> list[Path]:
        return [self.folder / f"{number}.{name}.parquet" for name in self.names]
