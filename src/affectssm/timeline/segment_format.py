"""How a family keeps its segments; those who read an index of them need not import how segments are cut."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

VALUE, VALID = "value", "valid"
"""Datasets of a modality: (E, C, L) float32 and, where single samples can be left out, (E, L) bool."""


@dataclass(frozen=True)
class SegmentFormat:
    """The columns of an index of segments, and those of answers to them.

    Attributes:
        corpus, group, item, number: columns that name a segment: its corpus, the group of its item (a person), the item
            that has the labels and never lies on both sides of a fold, and its number in the item.
        modalities: in the order in which models see them; columns that say whether a segment has one.
        labels: columns of the items' labels, NaN where there is none.
        answer: column of the probability of the second of two classes, or of the value that is predicted.
        words: further columns, of text, that all segments of an item share.
    """

    corpus: str
    group: str
    item: str
    number: str
    modalities: tuple[str, ...]
    labels: tuple[str, ...]
    answer: str
    words: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """The columns that name an item."""
        return self.corpus, self.group, self.item

    @property
    def index(self) -> pa.Schema:
        """The schema of an index, a row a segment."""
        return pa.schema(
            [(name, pa.string()) for name in (self.corpus, "shard", self.group, self.item, *self.words)]
            + [(self.number, pa.int32()), ("row", pa.int64()), ("start_s", pa.float64())]
            + [(name, pa.bool_()) for name in self.modalities]
            + [(name, pa.float32()) for name in self.labels]
        )

    def answers(self, head: pa.Schema, name: pa.DataType) -> pa.Schema:
        """The schema of answers, a row a segment, after the columns of ``head``; ``name`` is the type of its names."""
        keys = [(column, name) for column in self.key]
        return pa.schema([*head, *keys, (self.number, pa.int32()), (self.answer, pa.float32())])
