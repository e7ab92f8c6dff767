"""What the evaluation of trials reads: the labels of segments, and the answers of models to them.

A segment is named ``{corpus}/{subject}/{trial}/{epoch}``; T counts the segments of a corpus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from affectssm.errors import DataError
from affectssm.settings.trials import ProtocolSettings
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet
from affectssm.training.folds import high

Cell = tuple[str, str, float]
"""(method, pattern, ratio) of an adaptation; PLAIN for a model as it was trained."""
PLAIN: Cell = ("", "", float("nan"))
PLACE = ("corpus", "subject", "trial", "epoch")
NOT_TESTED, WRONG, RIGHT = -1, 0, 1
Outcome = NDArray[np.int8]
"""(T,) NOT_TESTED, WRONG or RIGHT."""


@dataclass(frozen=True)
class Truth:
    """The labels of a corpus.

    Attributes:
        segments: (T,) names.
        subjects: names, sorted; also those without a label.
        subject: (T,) numbers into ``subjects``.
        high: (T,) 1 for high, 0 for low, -1 where nobody rated.
    """

    segments: pa.Array
    subjects: tuple[str, ...]
    subject: NDArray[np.int64]
    high: NDArray[np.int64]

    def per_subject(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of the chosen (T,) segments each subject has."""
        return np.bincount(self.subject[chosen], minlength=len(self.subjects))


def read_truth(epochs: Sequence[Path], corpus: str, dimension: str, protocol: ProtocolSettings) -> Truth:
    """Read the labels out of the indexes of epochs.

    Args:
        epochs: ``{shard}.h5`` or ``{shard}.parquet`` of every shard; other corpora are passed over.
        corpus: deap or mahnob.
        dimension: valence or arousal.
        protocol: says what counts as high.

    Raises:
        DataError: when there is no epoch of the corpus, or one is there twice.
    """
    tables = [read_parquet(path.with_suffix(".parquet"), (*PLACE, dimension)) for path in epochs]
    table = pa.concat_tables(tables) if tables else pa.table({name: [] for name in PLACE})
    table = table.filter(pc.equal(table["corpus"], corpus)) if len(table) else table
    where = ", ".join(str(path) for path in epochs[:2]) or "epochs"
    if not len(table):
        raise DataError(where, f"no epoch of {corpus}", "the epochs the models saw", "make the epochs first")
    names = _names(table)
    if len(names.unique()) < len(names):
        raise DataError(where, "an epoch twice", "each epoch once", "give every shard once")
    subjects, subject = np.unique(table["subject"].to_numpy(), return_inverse=True)
    ratings = table[dimension].to_numpy()
    return Truth(names, tuple(map(str, subjects)), subject, high(ratings, protocol))


def read_outcomes(
    settings: Mapping[str, Any], files: Sequence[Path], truth: Truth, out: Path
) -> dict[int, dict[Cell, Outcome]]:
    """Score the answers of all parts and seeds: seed -> cell -> (T,) outcome, seeds rising.

    Args:
        settings: with ``experiment``, ``protocol`` and ``seeds``.
        files: predictions.parquet or adapted.parquet of every part and seed.
        truth: of the experiment's corpus and dimension.
        out: what is to be made of them, for error messages.

    Raises:
        DataError: when other seeds are there than are wanted, a file belongs to another experiment or protocol, a
            segment is tested twice, is not among the epochs, or its answer is no probability.
    """
    found: dict[int, dict[Cell, Outcome]] = {}
    for path in files:
        outcomes = found.setdefault(seed_of(path, settings), {})
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
    require_seeds(settings, found, out)
    return dict(sorted(found.items()))


def require_seeds(settings: Mapping[str, Any], found: Mapping[int, Any], out: Path) -> None:
    """Refuse other seeds than the configured ones.

    Raises:
        DataError: naming both.
    """
    if sorted(found) != sorted(settings["seeds"]):
        raise DataError(
            out, f"answers of seeds {sorted(found)}", f"seeds {sorted(settings['seeds'])}", "train the missing seeds"
        )  # fmt: skip


def seed_of(path: Path, settings: Mapping[str, Any]) -> int:
    """Return the seed of a run's file after its card.

    Raises:
        DataError: without such a card, or for a run of another experiment or protocol.
    """
    card = read_card(path)
    own = card["settings"] if card else {}
    if "seed" not in own:
        raise DataError(path, "no card that names a seed", "a file of a run over trials", "train again")
    for name in ("experiment", "protocol"):
        if own.get(name) != settings[name]:
            raise DataError(path, f"{name} {own.get(name)}", f"{settings[name]}", "train again")
    return int(own["seed"])


def _answers(path: Path, truth: Truth) -> Iterator[tuple[Cell, NDArray[np.int64], NDArray[np.bool_]]]:
    """The cells of a file: numbers of the rated segments that were tested, and whether rightly."""
    table = read_parquet(path)
    places = pc.index_in(_names(table), value_set=truth.segments)
    if places.null_count:
        raise DataError(
            path, f"{places.null_count} segments that are not among the epochs", "segments of these epochs",
            "train again",
        )  # fmt: skip
    rows, probability = places.to_numpy().astype(np.int64), table["high"].to_numpy()
    if not ((probability >= 0) & (probability <= 1)).all():
        raise DataError(path, "answers that are no probabilities", "0 to 1", "train again")
    rated = truth.high[rows] >= 0
    right = (probability > 0.5) == (truth.high[rows] == 1)
    for cell, own in _cells(table):
        mine = own & rated
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


def _names(table: pa.Table) -> pa.Array:
    """The names of a table's segments (plain strings, whatever the columns are encoded as)."""
    columns = [table[name].cast(pa.string()) for name in PLACE]
    return pc.binary_join_element_wise(*columns, "/").combine_chunks()
