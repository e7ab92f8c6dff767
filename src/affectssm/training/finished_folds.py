"""The finished folds of an unfinished job: files in a sibling folder of what is made of them, gone when all are done.

Files are named by the fold's number, for a fold's name comes from data. They belong to one card: after an edit of the
code, the settings or the data they are not taken up again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa

from affectssm.errors import DataError
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet, write_parquet
from affectssm.training.run_files import resume_folder
from affectssm.training.scans import backends_in, scans_of, with_backends

Kept = TypeVar("Kept")


class FoldFiles(Protocol[Kept]):
    """How a fold is kept.

    Attributes:
        suffixes: of a fold's files, after its number.
    """

    suffixes: Sequence[str]

    def write(self, paths: Sequence[Path], fold: Kept, card: Mapping[str, Any]) -> None:
        """Write a fold's files, all with this card."""

    def read(self, paths: Sequence[Path]) -> Kept:
        """Return what was written.

        Raises:
            DataError: if a file is not whole.
        """


class TableFiles:
    """A Parquet file for each table of a fold, by the tables' names."""

    def __init__(self, *names: str) -> None:
        self.suffixes: Sequence[str] = [f".{name}.parquet" for name in names]

    def write(self, paths: Sequence[Path], fold: Sequence[pa.Table], card: Mapping[str, Any]) -> None:
        """Write a fold's tables, in the order of their names."""
        for path, table in zip(paths, fold, strict=True):
            write_parquet(path, table, table.schema, card)

    def read(self, paths: Sequence[Path]) -> Sequence[pa.Table]:
        """Return a fold's tables."""
        return [read_parquet(path) for path in paths]


class FinishedFolds(Generic[Kept]):
    """Keeps folds by their number.

    Args:
        out: the file or folder that is made of them.
        card: what their files carry; its ``id`` says whether they are taken up.
        files: how a fold is kept.
        section: of the configuration that names the scan backend, where one does.

    Attributes:
        ran: names of the scan backends that have computed the folds that were kept or found.
    """

    def __init__(self, out: Path, card: Mapping[str, Any], files: FoldFiles[Kept], section: str = "") -> None:
        self.folder, self.card, self.files, self.section = resume_folder(out), card, files, section
        self.ran: set[str] = set()

    def get(self, number: int, compute: Callable[[], Kept], backend: str = "auto") -> Kept:
        """Return the n-th fold: as it was kept, or computed with a scan backend and kept.

        Raises:
            ConfigError: when the scan backend cannot run.
        """
        fold = self._found(number)
        if fold is None:
            with scans_of({"scan_backend": backend}, self.section) as ran:
                fold = compute()
            self.ran |= ran
            self.files.write(self._paths(number), fold, with_backends(self.card, ran))
        return fold

    def clear(self) -> None:
        """Remove what was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _found(self, number: int) -> Kept | None:
        """The n-th fold; None where it is not there, not whole, or of another card."""
        paths = self._paths(number)
        try:
            cards = [(read_card(path) or {}) if path.is_file() else {} for path in paths]
            if any(card.get("id") != self.card["id"] for card in cards):
                return None
            fold = self.files.read(paths)
        except DataError:
            return None
        self.ran |= backends_in(cards[0])
        return fold

    def _paths(self, number: int) -> list[Path]:
        return [self.folder / f"{number}{suffix}" for suffix in self.files.suffixes]
