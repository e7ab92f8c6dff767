"""The manifest of a corpus: a row per stream, the shards of its recordings, and what each shard hashes to."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectssm.vocabulary.kinds import STREAM_KINDS, TEST_LABELS

if TYPE_CHECKING:
    import pyarrow as pa

    from affectssm.store.faults import FaultLog

LABEL_HZ = 25.0


@dataclass(frozen=True)
class StreamRow:
    """One stream of one participant.

    Attributes:
        corpus: a key of :data:`affectssm.vocabulary.corpora.CORPORA`.
        split: train, val, test-base, test-additional or test; all where the owner splits nothing.
        recording: session id; of a corpus of trials, the trial.
        participant: role, e.g. expert or subjectPos2; of a corpus of trials, the subject.
        kind: one of :data:`affectssm.vocabulary.kinds.KINDS`.
        path: POSIX path relative to the base; for SSI streams the header file (its body is `path + "~"`), for crops
            the folder of the pictures.
        base: root, or ground_truth for a test label that lies under the separate ground-truth root.
        rate: Hz, decided by evidence (video: pictures, audio: samples, annotation: 25 or as the video).
        frames: rows of the stream, pictures of a video, samples of a sound track, frames that crops are of.
        dim: columns of a stream, 1 or 2 for labels, channels of a sound track, 0 for pictures.
        duration_s: seconds.
        bytes: size on disk, the SSI body included.
        checksum: "sha256:..." of the content (of crops: of names and sizes), or "mtime:..." of size and modification
            time.
        fold_group: what must never be split between folds (the recording; of a corpus of trials, the subject).
        language: as the corpus names it, "" where it does not.
        shard: name of the shard the recording falls into. A reader leaves it empty, or names what must lie in one
            shard; :mod:`affectssm.corpora.sharding` deals the shards.
        start_s: where the recording begins in the file.
        baseline_s: how much of it comes before the stimulus.
        changed_ns: when the file last changed (its status, in nanoseconds), by its system's clock; 0 where that does
            not count. A file that has not changed since is not read again to be compared.
    """

    corpus: str
    split: str
    recording: str
    participant: str
    kind: str
    path: str
    base: str
    rate: float
    frames: int
    dim: int
    duration_s: float
    bytes: int
    checksum: str
    fold_group: str
    language: str
    shard: str
    start_s: float = 0.0
    baseline_s: float = 0.0
    changed_ns: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Manifest:
    """What discovery found: rows in a fixed order (split, recording, participant, kind) and the faults.

    ``seats`` says who belongs to each recording, with or without a file that can be used: split -> recording ->
    participants. Corpora of trials leave it empty.
    """

    rows: list[StreamRow]
    faults: FaultLog
    seats: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


def manifest_schema() -> pa.Schema:
    """Arrow schema of the manifest file."""
    import pyarrow as pa

    kinds = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}
    return pa.schema([pa.field(f.name, kinds[str(f.type)], nullable=False) for f in fields(StreamRow)])


def write_manifest(path: Path, rows: list[StreamRow], card: dict[str, Any]) -> None:
    """Write the rows as Parquet with their card."""
    from affectssm.store.parquet import write_parquet

    columns = {f.name: [getattr(row, f.name) for row in rows] for f in fields(StreamRow)}
    write_parquet(path, columns, manifest_schema(), card)


def read_manifest(path: Path, shard: str | None = None) -> list[StreamRow]:
    """Rows of a manifest file, or of one of its shards, in file order."""
    import pyarrow.compute as pc

    from affectssm.store.parquet import read_parquet

    table = read_parquet(path)
    if shard is not None:
        table = table.filter(pc.equal(table["shard"], shard))
    return [StreamRow(**row) for row in table.to_pylist()]


def shard_of(recording: str, n_shards: int) -> str:
    """The shard of an id as earlier versions dealt it; :mod:`affectssm.corpora.sharding` keeps what they made."""
    digest = hashlib.sha256(recording.encode()).digest()
    return f"s{int.from_bytes(digest[:8], 'big') % n_shards:02d}"


def row_content(row: StreamRow, named: bool = False) -> str:
    """What a computation on this row may depend on: all but shard, language, size and time of change.

    In a ``named`` edition the path is left out too: the same file counts as the same wherever it lies.
    """
    skip = ("language", "shard", "bytes", "changed_ns", *(("path",) if named else ()))
    return "\t".join(repr(getattr(row, f.name)) for f in fields(row) if f.name not in skip)


def content_hash(rows: Iterable[StreamRow], named: bool = False) -> str:
    """Order-free hash of the rows a job reads; equal hashes mean that the job need not run again."""
    lines = sorted(row_content(row, named) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _content_by(rows: Iterable[StreamRow], first: str, named: bool) -> dict[str, dict[str, str]]:
    grouped: dict[str, dict[str, list[StreamRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        held_out = row.kind == "annotation" and is_test_split(row.split)
        grouped[getattr(row, first)][TEST_LABELS if held_out else row.kind].append(row)
    return {
        outer: {inner: content_hash(members, named) for inner, members in sorted(groups.items())}
        for outer, groups in sorted(grouped.items())
    }


def shard_index(rows: Iterable[StreamRow], named: bool = False) -> dict[str, dict[str, dict[str, str]]]:
    """Content hashes by shard and kind, and by split and kind.

    A changed label changes ``annotation`` alone, one of a test part ``TEST_LABELS`` alone: they may
    arrive later.
    """
    rows = list(rows)
    return {"shards": _content_by(rows, "shard", named), "splits": _content_by(rows, "split", named)}


def write_shard_index(
    path: Path,
    rows: list[StreamRow],
    named: bool = False,
    seats: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
) -> None:
    """Write shards.json, which the workflow reads to decide what reruns.

    Args:
        path: the file.
        rows: of the manifest.
        named: whether the edition has a name of its own, so that the paths below its root do not count.
        seats: as in :class:`Manifest`.
    """
    from affectssm.store.atomic import write_json

    people = {split: json.dumps(held, sort_keys=True) for split, held in sorted((seats or {}).items())}
    hashes = {
        split: {"participants": hashlib.sha256(text.encode()).hexdigest()[:32]}
        for split, text in people.items()
    }
    write_json(path, shard_index(rows, named) | {"seats": hashes})


def is_test_split(split: str) -> bool:
    """Whether a split is a test part: its labels are opened by the evaluation alone."""
    return split.startswith("test")


def label_frames(rows: Iterable[StreamRow], label_hz: float = LABEL_HZ) -> int:
    """Label frames of one participant's recording, from the participant's own rows.

    The rows of a training or validation label; else the rows that most of the streams of the labels' rate have (their
    upper median: one stream that broke off must not shorten the rest), as the challenge's baseline takes its feature
    rows for label rows; else what the media last. A test label never defines it.
    """
    by_kind = {row.kind: row for row in rows if not (row.kind == "annotation" and is_test_split(row.split))}
    if "annotation" in by_kind:
        return by_kind["annotation"].frames
    streams = [
        by_kind[kind].frames for kind in STREAM_KINDS if kind in by_kind and by_kind[kind].rate == label_hz
    ]
    if streams:
        return statistics.median_high(streams)
    lasts = [row.duration_s for row in by_kind.values()]
    media = [by_kind[kind].duration_s for kind in ("video", "audio") if kind in by_kind]
    return math.floor((media or lasts or [0.0])[0] * label_hz + 0.5)
