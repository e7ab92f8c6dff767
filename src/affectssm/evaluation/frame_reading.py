"""What the evaluation reads: predictions, labels, and which recordings were to be expected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import DataError
from affectssm.store import layout
from affectssm.store.arrow import numbers
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader

Seat = tuple[str, str]  # recording, participant
Part = tuple[str, str]  # corpus, split
NO_FILE = "no file that can be used"


@dataclass(frozen=True)
class Labels:
    """A participant's labels by label frame: value (T,) and valid (T,)."""

    value: NDArray[np.float64]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class Run:
    """The predictions of one run: part of a corpus -> seat -> (T,) by label frame, NaN where none."""

    fold: str
    seed: int
    parts: dict[Part, dict[Seat, NDArray[np.float64]]]


def read_run(path: Path, column: str = "") -> Run:
    """Read a predictions file.

    Args:
        path: predictions.parquet.
        column: of the labels, where there are several.

    Raises:
        DataError: when it carries no card of a prediction stage, or repeats a frame.
    """
    card = read_card(path)
    if card is None or not {"fold", "seed"} <= card["extra"].keys():
        raise DataError(
            path, "no card that names fold and seed", "predictions.parquet of a run", "run predict again"
        )
    parts: dict[Part, dict[Seat, NDArray[np.float64]]] = defaultdict(dict)
    for key, frames, values in _by_seat(read_parquet(path), f"prediction.{column}".rstrip(".")):
        if len(np.unique(frames)) != len(frames):
            raise DataError(path, f"frames of {'/'.join(key)} twice", "each frame once", "run predict again")
        track = np.full(int(frames.max()) + 1, np.nan)
        track[frames] = values
        parts[key[:2]][key[2:]] = track
    return Run(str(card["extra"]["fold"]), int(card["extra"]["seed"]), dict(parts))


def _by_seat(
    table: pa.Table, column: str
) -> Iterator[tuple[tuple[str, str, str, str], NDArray[np.int32], NDArray[np.float64]]]:
    """Corpus, split, recording and participant with the frames and predictions of each."""
    names = ("corpus", "split", "recording", "participant")
    columns = [table[name].combine_chunks().dictionary_encode() for name in names]
    codes = np.stack([numbers(column.indices) for column in columns], axis=1)
    frames, values = numbers(table["frame"]), numbers(table[column]).astype(np.float64)
    order = np.lexsort(codes.T)
    changes = np.flatnonzero(np.any(np.diff(codes[order], axis=0) != 0, axis=1)) + 1
    for rows in np.split(order, changes) if len(order) else []:
        key = [
            column.dictionary[int(code)].as_py() for column, code in zip(columns, codes[rows[0]], strict=True)
        ]
        yield (key[0], key[1], key[2], key[3]), frames[rows], values[rows]


def files_of_labels(
    folders: Iterable[Path], features: Sequence[str], shards: Mapping[str, Iterable[str]]
) -> list[Path]:
    """The label files of all corpora.

    Args:
        folders: ``results/features/{corpus}-{edition}`` of each corpus.
        features: that hold labels: of test parts and of others.
        shards: of each corpus.
    """
    found = layout.tracks(folders, features, shards)
    return [path for features in found.values() for paths in features.values() for path in paths]


def read_labels(files: Iterable[Path], column: int = 0) -> dict[str, dict[Seat, Labels]]:
    """Labels of a column by corpus and seat. A track without a single valid label counts as no labels."""
    found: dict[str, dict[Seat, Labels]] = defaultdict(dict)
    for path in files:
        corpus = layout.corpus_of(path.parents[1])
        with ShardReader(path) as reader:
            for recording, participant in reader.keys():  # noqa: SIM118 - not a mapping
                track = reader.track(recording, participant)
                if track.valid.any():
                    value = track.value[:, column].astype(np.float64)
                    found[corpus][recording, participant] = Labels(value, np.asarray(track.valid, dtype=bool))
    return found


@dataclass(frozen=True)
class Expected:
    """What the manifests promise.

    Attributes:
        seats: part of a corpus -> recording -> its participants, both sorted, with or without a file that can be used.
        shards: corpus -> the shards its recordings fall into.
        left_out: (corpus, split, recording, participant) -> why it could not be predicted.
    """

    seats: dict[Part, dict[str, list[str]]]
    shards: dict[str, set[str]]
    left_out: dict[tuple[str, str, str, str], str]


def read_expected(manifests: Iterable[Path], missing: Path) -> Expected:
    """Read the manifests and the task's missing.parquet."""
    left_out = {
        (row["corpus"], row["split"], row["recording"], row["participant"]): row["reason"]
        for row in read_parquet(missing).to_pylist()
    }
    return expected_of(manifests, left_out)


def expected_of(manifests: Iterable[Path], left_out: Mapping[tuple[str, str, str, str], str]) -> Expected:
    """Read the manifests: who is in them, and who belongs to a recording without a file that can be used.

    Args:
        manifests: of all corpora.
        left_out: who is in a manifest and cannot be predicted, and why.
    """
    seats: dict[Part, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    shards: dict[str, set[str]] = defaultdict(set)
    absent: dict[tuple[str, str, str, str], str] = {}
    for path in manifests:
        corpus = layout.corpus_of(path.parent)
        for row in read_manifest(path):
            corpus = row.corpus
            seats[corpus, row.split][row.recording].add(row.participant)
            shards[corpus].add(row.shard)
        for split, recordings in ((read_card(path) or {}).get("extra", {}).get("seats", {})).items():
            for recording, people in recordings.items():
                present = seats[corpus, split][recording]
                absent |= {(corpus, split, recording, who): NO_FILE for who in set(people) - present}
                present |= set(people)
    return Expected(
        {part: {name: sorted(own[name]) for name in sorted(own)} for part, own in seats.items()},
        dict(shards),
        absent | dict(left_out),
    )
