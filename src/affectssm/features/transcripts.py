"""Transcripts of clips as tokens of a BERT; ``bert_tokens``: their ids, for a model with a text encoder of its own.

A row a token, CLS first and SEP last; a longer transcript is cut before SEP. What time a word was said at is not known:
the times are the centres of equal parts of the clip. A transcript without a word gives no row and a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.clip_tables import read_table
from affectssm.corpora.manifest import StreamRow
from affectssm.errors import DataError
from affectssm.features.base import Extractor, Source
from affectssm.features.bert_files import BertFiles, Tokenizer
from affectssm.media.text import quoted
from affectssm.store.shards import Track


class Transcripts(Extractor):
    """What extractors of transcripts share.

    Settings: ``english``, ``chinese`` (each ``model``, ``revision``), ``tokens``, ``batch``; ``weights``, ``size``,
    ``weights_dir``.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self._files: dict[str, BertFiles] = {}
        self._tokenizers: dict[str, Tokenizer] = {}
        self._table = cache(read_table)  # all clips of a shard lie in one

    @property
    def least(self) -> str:
        return "at least one word"

    def meet(self, rows: Iterable[StreamRow]) -> None:
        for language in sorted({row.language for row in rows}):
            self.files(language)

    def card(self) -> dict[str, Any]:
        return {"encoders": {language: files.card for language, files in sorted(self._files.items())}}

    def files(self, language: str) -> BertFiles:
        """Return the BERT of a language, opened when it is first asked for.

        Raises:
            ConfigError, DataError: as :meth:`affectssm.features.bert_files.BertFiles.of`.
        """
        if language not in self._files:
            self._files[language] = BertFiles.of(self.settings, language)
        return self._files[language]

    def ids(self, source: Source) -> list[int]:
        """Return the token ids of a clip's transcript; none where it has no word.

        Raises:
            DataError: if the table cannot be read or does not have the clip.
        """
        language = source.row.language
        if language not in self._tokenizers:
            self._tokenizers[language] = self.files(language).tokenizer()
        found = self._tokenizers[language](text_of(source, self._table(source.path)))
        most = self.settings["tokens"]
        if len(found) <= 2:
            return []
        return found if len(found) <= most else [*found[: most - 1], found[-1]]

    def values(self, source: Source, ids: list[int]) -> np.ndarray:
        """Return the rows (T, D) of T token ids of a source."""
        raise NotImplementedError

    def extract(self, source: Source) -> Iterator[Track]:
        ids = self.ids(source)
        if not ids:
            text = quoted(text_of(source, self._table(source.path)))
            source.note("empty_transcript", text, "words", "ignored")
            return
        seconds = source.row.duration_s
        rate = len(ids) / seconds if seconds > 0 else 1.0
        time = (np.arange(len(ids)) + 0.5) / rate
        yield Track(self.values(source, ids), time, np.ones(len(ids), bool), rate)


class BertTokens(Transcripts):
    """The ids themselves, which float32 holds exactly."""

    @property
    def dim(self) -> int:
        return 1

    def values(self, source: Source, ids: list[int]) -> np.ndarray:
        return np.array(ids, np.float32)[:, None]


def text_of(source: Source, table: Mapping[str, Any]) -> str:
    """Return a clip's transcript.

    Raises:
        DataError: if the table does not have the clip.
    """
    clip = source.row.recording
    if clip not in table:
        raise DataError(
            Path(source.path), f"no line of {clip}", "a line of every clip", "discover the corpus again"
        )
    return table[clip].text
