"""What the evaluation of labelled segments reads: their classes, and the answers of models to them.

A segment is named ``{corpus}/{group}/{item}/{number}``; T counts the segments of a corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from affectssm.errors import DataError
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet
from affectssm.timeline.segment_format import SegmentFormat

Cell = tuple[str, str, float]
"""(method, pattern, ratio) of an adaptation; PLAIN for a model as it was trained."""
PLAIN: Cell = ("", "", float("nan"))
NOT_TESTED, WRONG, RIGHT = -1, 0, 1
Outcome = NDArray[np.int8]
"""(T,) NOT_TESTED, WRONG or RIGHT."""


@dataclass(frozen=True)
class Truth:
    """The classes of a corpus.

    Attributes:
        segments: (T,) names.
        groups: names, sorted; also those without a label.
        group: (T,) numbers into ``groups``.
        classes: (T,) 0 or 1, -1 where there is no label.
        format: of the segments.
    """

    segments: pa.Array
    groups: tuple[str, ...]
    group: NDArray[np.int64]
    classes: NDArray[np.int64]
    format: SegmentFormat

    def per_group(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of the chosen (T,) segments each group has."""
        return np.bincount(self.group[chosen], minlength=len(self.groups))


@dataclass(frozen=True)
class Asked:
    """Whose answers are scored.

    Attributes:
        seeds: of the runs.
        told: what every run was told, as far as it must be the same; as its card says it.
    """

    seeds: Sequence[int]
    told: Mapping[str, Any]


def read_truth(
    indexes: Sequence[Path],
    corpus: str,
    label: str,
    classes: Callable[[NDArray[np.float32]], NDArray[np.int64]],
    kept: SegmentFormat,
) -> Truth:
    """Read the classes out of the indexes of segments.

    Args:
        indexes: ``{shard}.parquet`` of every shard; other corpora are passed over.
        corpus: whose segments.
        label: the column of the labels.
        classes: (T,) labels -> their classes, -1 for none.
        kept: how the segments are kept.

    Raises:
        DataError: when there is no segment of the corpus, or one is there twice.
    """
    columns = (*kept.key, kept.number)
    tables = [read_parquet(path, (*columns, label)) for path in indexes]
    table = pa.concat_tables(tables) if tables else pa.table({name: [] for name in columns})
    table = table.filter(pc.equal(table[kept.corpus], corpus)) if len(table) else table
    where = ", ".join(str(path) for path in indexes[:2]) or "segments"
    if not len(table):
        raise DataError(
            where, f"no segment of {corpus}", "the segments the models saw", "make the segments first"
        )
    names = _names(table, kept)
    if len(names.unique()) < len(names):
        raise DataError(where, "a segment twice", "each segment once", "give every shard once")
    groups, group = np.unique(table[kept.group].to_numpy(), return_inverse=True)
    return Truth(names, tuple(map(str, groups)), group, classes(table[label].to_numpy()), kept)


def read_outcomes(
    asked: Asked, files: Sequence[Path], truth: Truth, out: Path
) -> dict[int, dict[Cell, Outcome]]:
    """Score the answers of all parts and seeds: seed -> cell -> (T,) outcome, seeds rising.

    Args:
        asked: whose answers.
        files: predictions.parquet or adapted.parquet of every part and seed.
        truth: of the corpus, and of what is learnt.
        out: what is to be made of them, for error messages.

    Raises:
        DataError: when other seeds are there than are wanted, a file belongs to a run that was told otherwise, a
            segment is tested twice, is not among those of the truth, or its answer is no probability.
    """
    found: dict[int, dict[Cell, Outcome]] = {}
    for path in files:
        outcomes = found.setdefault(seed_of(path, asked), {})
        for cell, rows, right in _answers(path, truth):
            outcome = outcomes.setdefault(cell, np.full(len(truth.segments), NOT_TESTED, np.int8))
            again = rows[outcome[rows] != NOT_TESTED]
            if len(again) or len(np.unique(rows)) < len(rows):
                twice = again if len(again) else rows[np.bincount(rows)[rows] > 1]
                raise DataError(
                    path, f"segment {truth.segments[int(twice[0])]} tested twice", "once a seed",
                    "give the file of every part and seed once, or train again",
                )  # fmt: skip
            outcome[rows] = right
    require_seeds(asked, found, out)
    return dict(sorted(found.items()))


def require_seeds(asked: Asked, found: Mapping[int, Any], out: Path) -> None:
    """Refuse other seeds than the configured ones.

    Raises:
        DataError: naming both.
    """
    if sorted(found) != sorted(asked.seeds):
        raise DataError(
            out, f"answers of seeds {sorted(found)}", f"seeds {sorted(asked.seeds)}", "train the missing seeds"
        )  # fmt: skip


def seed_of(path: Path, asked: Asked) -> int:
    """Return the seed of a run's file after its card.

    Raises:
        DataError: without such a card, or for a run that was told otherwise.
    """
    card = read_card(path)
    own = card["settings"] if card else {}
    if "seed" not in own:
        raise DataError(path, "no card that names a seed", "a file of a run", "train again")
    for name, wanted in asked.told.items():
        if own.get(name) != wanted:
            raise DataError(path, f"{name} {own.get(name)}", f"{wanted}", "train again")
    return int(own["seed"])


def _answers(path: Path, truth: Truth) -> Iterator[tuple[Cell, NDArray[np.int64], NDArray[np.bool_]]]:
    """The cells of a file: numbers of the labelled segments that were tested, and whether rightly."""
    table = read_parquet(path)
    places = pc.index_in(_names(table, truth.format), value_set=truth.segments)
    if places.null_count:
        raise DataError(
            path, f"{places.null_count} segments that are not among those of the truth", "segments that were cut",
            "train again",
        )  # fmt: skip
    rows, probability = places.to_numpy().astype(np.int64), table[truth.format.answer].to_numpy()
    if not ((probability >= 0) & (probability <= 1)).all():
        raise DataError(path, "answers that are no probabilities", "0 to 1", "train again")
    labelled = truth.classes[rows] >= 0
    right = (probability > 0.5) == (truth.classes[rows] == 1)
    for cell, own in _cells(table):
        mine = own & labelled
        yield cell, rows[mine], right[mine]


def _cells(table: pa.Table) -> Iterator[tuple[Cell, NDArray[np.bool_]]]:
    """The cells of a file in a fixed order, each with a mask over its rows."""
    if "method" not in table.column_names:
        yield PLAIN, np.ones(len(table), bool)
        return
    columns = [table[name].combine_chunks().dictionary_encode() for name in ("method", "pattern", "ratio")]
    codes = np.stack([column.indices.to_numpy() for column in columns], axis=1)
    found, code = np.unique(codes, axis=0, return_inverse=True)
    for number, key in enumerate(found):
        method, pattern, ratio = (
            column.dictionary[int(at)].as_py() for column, at in zip(columns, key, strict=True)
        )
        yield (method, pattern, ratio), code.ravel() == number


def _names(table: pa.Table, kept: SegmentFormat) -> pa.Array:
    """The names of a table's segments (plain strings, whatever the columns are encoded as)."""
    columns = [table[name].cast(pa.string()) for name in (*kept.key, kept.number)]
    return pc.binary_join_element_wise(*columns, "/").combine_chunks()
