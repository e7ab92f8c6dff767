"""What the evaluation reads: predictions, labels, and which recordings were to be expected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from affectssm.corpora.manifest import read_manifest
from affectssm.errors import DataError
from affectssm.store.card import read_card
from affectssm.store.layout import corpus_of
from affectssm.store.parquet import read_parquet
from affectssm.store.shards import ShardReader

Seat = tuple[str, str]  # recording, participant
Part = tuple[str, str]  # corpus, split


@dataclass(frozen=True)
class Labels:
    """A participant's labels at 25 Hz: value (T,) and valid (T,)."""

    value: NDArray[np.float64]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class Run:
    """The predictions of one run: part of a corpus -> seat -> (T,) by label frame, NaN where none."""

    fold: str
    seed: int
    parts: dict[Part, dict[Seat, NDArray[np.float64]]]


def read_run(path: Path) -> Run:
    """Read a predictions file.

    Raises:
        DataError: when it carries no card of a prediction stage, or repeats a frame.
    """
    card = read_card(path)
    if card is None or not {"fold", "seed"} <= card["extra"].keys():
        raise DataError(
            path, "no card that names fold and seed", "predictions.parquet of a run", "run predict again"
        )
    table = read_parquet(path).combine_chunks()
    parts: dict[Part, dict[Seat, NDArray[np.float64]]] = defaultdict(dict)
    keys = ["corpus", "split", "recording", "participant"]
    table = table.sort_by([(key, "ascending") for key in (*keys, "frame")])
    for row in table.select(keys).group_by(keys).aggregate([]).to_pylist():
        mask = pc.and_(
            pc.equal(table["corpus"], row["corpus"]), pc.equal(table["recording"], row["recording"])
        )
        mask = pc.and_(mask, pc.equal(table["participant"], row["participant"]))
        own = table.filter(pc.and_(mask, pc.equal(table["split"], row["split"])))
        frames = own["frame"].to_numpy()
        if len(np.unique(frames)) != len(frames):
            raise DataError(
                path,
                f"frames of {row['recording']}/{row['participant']} twice",
                "each frame once",
                "run predict again",
            )
        track = np.full(int(frames.max()) + 1, np.nan)
        track[frames] = own["prediction"].to_numpy()
        parts[row["corpus"], row["split"]][row["recording"], row["participant"]] = track
    return Run(str(card["extra"]["fold"]), int(card["extra"]["seed"]), dict(parts))


def read_labels(files: Iterable[Path]) -> dict[str, dict[Seat, Labels]]:
    """Labels by corpus and seat. A track without a single valid label counts as no labels."""
    found: dict[str, dict[Seat, Labels]] = defaultdict(dict)
    for path in files:
        corpus = corpus_of(path.resolve().parents[1])  # features/{corpus}-{edition}/{feature}/{shard}.h5
        with ShardReader(path) as reader:
            for recording, participant in reader.keys():  # noqa: SIM118 - not a mapping
                track = reader.track(recording, participant)
                if track.valid.any():
                    labels = Labels(track.value[:, 0].astype(np.float64), np.asarray(track.valid, dtype=bool))
                    found[corpus][recording, participant] = labels
    return found


def expected_recordings(manifests: Iterable[Path]) -> dict[Part, list[str]]:
    """The recordings of every part of the corpora, sorted."""
    found: dict[Part, set[str]] = defaultdict(set)
    for path in manifests:
        for row in read_manifest(path):
            found[row.corpus, row.split].add(row.recording)
    return {part: sorted(recordings) for part, recordings in found.items()}
