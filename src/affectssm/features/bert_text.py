"""``bert_text``: as ``bert``, of what is said in a recording, which lies in a text file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from affectssm.features.bert import Bert
from affectssm.features.bert_files import BertFiles
from affectssm.media.probe import MediaError
from affectssm.media.text import read_text

MAX_BYTES = 4 << 20
USUAL = "english"  # where a table names no language


@dataclass(frozen=True)
class _Said(Mapping[str, Any]):
    """The text of a file, by whatever name it is asked for."""

    text: str

    def __getitem__(self, recording: str) -> _Said:
        return self

    def __contains__(self, recording: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


class BertText(Bert):
    """The rows of a text's tokens, spread evenly over the recording."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._table = lru_cache(maxsize=1)(said)  # type: ignore[arg-type]

    def files(self, language: str) -> BertFiles:
        return super().files(language.lower() or USUAL)


def said(path: Path) -> _Said:
    """Return the text of a file, its lines joined.

    Raises:
        MediaError: if it cannot be read.
    """
    return _Said(" ".join(read_text(path, MediaError, limit=MAX_BYTES).content.split()))
