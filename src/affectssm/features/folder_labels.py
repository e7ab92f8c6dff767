"""Labels of own recordings: ``folder_labels`` over time, ``folder_item`` of a recording as a whole.

Those of test parts are features of their own, so that nothing but the evaluation has a reason to open them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.folder_labels import LABEL_ACTIONS, expected_of, judge, read_series
from affectssm.corpora.folder_table import Table, label_texts, read_recordings
from affectssm.corpora.manifest import StreamRow, is_test_split
from affectssm.features.base import Extractor, Source
from affectssm.media.probe import MediaError
from affectssm.settings.folder import LabelSettings
from affectssm.store.shards import Track

CORPUS = "folder"


class _Told(Extractor):
    """What extractors of these labels share; the settings are those of ``corpora.folder.labels``."""

    tests = False

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(name, settings)
        self.told = LabelSettings.model_validate(self.settings)

    @property
    def dim(self) -> int:
        return len(self.told.columns)

    def wants(self, row: StreamRow) -> bool:
        return row.corpus == CORPUS and is_test_split(row.split) == self.tests


class Labels(_Told):
    """Labels of training and validation parts, (T, C) at their own rate; their faults discovery has reported."""

    def extract(self, source: Source) -> Iterator[Track]:
        row = source.row
        found = read_series(source.path, self.told.of(row.participant), row.rate)
        at = slice(row.frames)  # what lies behind the media's end was cut off
        yield Track(found.value[at], found.time[at], found.valid[at], found.rate)
        for code, text in found.problems if self.tests else ():
            source.note(code, text, expected_of(self.told), LABEL_ACTIONS[code])


class TestLabels(Labels):
    """Labels of test parts, which nobody has looked at before."""

    __test__ = False  # no test class, whatever its name says
    tests = True


class Items(_Told):
    """Labels of a recording as a whole: one row of C columns, valid where all are there."""

    def extract(self, source: Source) -> Iterator[Track]:
        texts = _texts(source, self.told)
        words = {word.strip().lower(): known for word, known in self.told.values.items()}
        judged = [judge(text, words, self.told.range) for text in texts]
        value = np.array([[found for found, _ in judged]], np.float32)
        valid = np.array([not any(reason for _, reason in judged)])
        yield Track(np.where(valid[:, None], value, 0), np.full(1, 0.5), valid, source.row.rate)


class TestItems(Items):
    """Those of test parts."""

    __test__ = False
    tests = True


def _texts(source: Source, told: LabelSettings) -> list[str]:
    row, path = source.row, source.path
    stat = path.stat()
    found = label_texts(
        _table(path, (stat.st_size, stat.st_mtime_ns)), row.recording, row.participant, told.columns
    )
    if found is None:
        who = f"{row.recording}, {row.participant}"
        raise MediaError(path, f"no line of {who}", "what the manifest names", "make the manifest again")
    return found


@lru_cache(maxsize=4)
def _table(path: Path, _: tuple[int, int]) -> Table:
    return read_recordings(path)
