"""The finished folds of an unfinished adaptation: two files a fold in a sibling folder, gone when all are done.

Files are named by the fold's number, for a fold's name comes from data. They belong to one card: after an edit of the
code, the settings or the data they are not taken up again.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.errors import DataError
from affectssm.store.parquet import read_parquet, read_parquet_card, write_parquet
from affectssm.training.run_files import resume_folder

Tables = tuple[pa.Table, pa.Table]
"""What the methods answered, and what each stream was like."""


class FinishedStreams:
    """Keeps folds by their number.

    Args:
        out: the file that is made of them.
        card: of that file.
    """

    def __init__(self, out: Path, card: Mapping[str, Any]) -> None:
        self.folder, self.card = resume_folder(out), card

    def keep(self, number: int, tables: Tables) -> None:
        """Keep the n-th fold."""
        for path, table in zip(self._paths(number), tables, strict=True):
            write_parquet(path, table, table.schema, self.card)

    def found(self, number: int) -> Tables | None:
        """Return the n-th fold; None where it is not there, not whole, or of another card."""
        answers, streams = self._paths(number)
        if not (self._mine(answers) and self._mine(streams)):
            return None
        return read_parquet(answers), read_parquet(streams)

    def clear(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _mine(self, path: Path) -> bool:
        try:
            return path.is_file() and (read_parquet_card(path) or {}).get("id") == self.card["id"]
        except DataError:
            return False

    def _paths(self, number: int) -> tuple[Path, Path]:
        return self.folder / f"{number}.adapted.parquet", self.folder / f"{number}.streams.parquet"
