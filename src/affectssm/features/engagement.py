"""``engagement`` and ``engagement_test``: the labels as tracks of one column at 25 Hz.

Frame i covers [i / 25, (i + 1) / 25) seconds. What is no number in [0, 1] is masked. Test labels are a
feature of their own, so that nothing but the evaluation has a reason to open them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from affectssm.corpora.annotations import LABEL_ACTIONS, read_engagement
from affectssm.corpora.manifest import LABEL_HZ, StreamRow, is_test_split
from affectssm.features.base import Extractor, Source
from affectssm.store.shards import Track
from affectssm.vocabulary.corpora import CORPORA
from affectssm.vocabulary.targets import load


class Labels(Extractor):
    """The labels of the training and validation splits, whose faults discovery has reported; no settings."""

    reports = False

    @property
    def dim(self) -> int:
        return 1

    def wants(self, row: StreamRow) -> bool:
        return row.dim == self.dim and not is_test_split(row.split)

    def extract(self, source: Source) -> Iterator[Track]:
        labels = read_engagement(source.path, load(CORPORA[source.row.corpus].labels))
        time = (np.arange(len(labels.value)) + 0.5) / LABEL_HZ
        yield Track(
            np.where(labels.valid, labels.value, 0).astype(np.float32)[:, None], time, labels.valid, LABEL_HZ
        )
        for code, found in labels.problems if self.reports else ():
            source.note(code, found, "one number in [0, 1] a line", LABEL_ACTIONS[code])


class TestLabels(Labels):
    """The labels of the test splits, which nobody has looked at before."""

    __test__ = False  # no test class, whatever its name says
    reports = True

    def wants(self, row: StreamRow) -> bool:
        return row.dim == self.dim and is_test_split(row.split)
