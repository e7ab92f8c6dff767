"""Who is predicted, who is a partner, who is left out and why; and which recordings select where labels are few."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from affectssm.corpora.manifest import StreamRow, is_test_split
from affectssm.errors import DataError
from affectssm.store.parquet import write_parquet
from affectssm.timeline.index import Target

Length = Callable[[Collection[StreamRow]], tuple[int, float]]
MISSING_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("corpus", "split", "recording", "participant", "reason")]
)


def holdout(recordings: Iterable[str]) -> set[str]:
    """Return about a fifth of the training recordings, one at least: they select where val is reported.

    The choice follows the hash of the ids: it is the same in any order and on any machine.

    Raises:
        DataError: if there are fewer than two recordings to divide.
    """
    found = set(recordings)
    if len(found) < 2:
        raise DataError(
            "train", f"{len(found)} recording(s)", "two at least, one of which selects", "add sessions"
        )
    ordered = sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest())
    return set(ordered[: max(1, round(len(ordered) / 5))])


@dataclass(frozen=True)
class Missing:
    """A participant left out of a task."""

    corpus: str
    split: str
    recording: str
    participant: str
    reason: str


def find_targets(
    rows: Iterable[StreamRow], kinds: Sequence[str], per_label: int, length: Length
) -> tuple[list[Target], list[Missing]]:
    """Divide a corpus' participants into those to be predicted and those left out, with the reason.

    A participant is left out if a stream of one of the kinds is missing, or the label in a split that has
    labels; it still is a partner to the others if any needed stream is there.

    Args:
        rows: of the manifests.
        kinds: of the rows that a participant needs.
        per_label: clock frames in a label frame.
        length: of a participant's streams, their label frames, and how many make a second.
    """
    targets: list[Target] = []
    missing: list[Missing] = []
    for (corpus, split, recording), people in _by_recording(rows):
        present = [name for name, streams in people if any(kind in streams for kind in kinds)]
        for name, streams in people:
            frames, label_hz = length(streams.values())
            reason = _reason(streams, split, kinds, frames)
            if reason:
                missing.append(Missing(corpus, split, recording, name, reason))
                continue
            shard = next(iter(streams.values())).shard
            partners = tuple(other for other in present if other != name)
            lasts = (frames * per_label, frames, label_hz)
            targets.append(Target(corpus, split, "main", shard, recording, name, *lasts, partners))
    return targets, missing


def _by_recording(
    rows: Iterable[StreamRow],
) -> Iterator[tuple[tuple[str, str, str], list[tuple[str, dict[str, StreamRow]]]]]:
    """Yield (corpus, split, recording) and its participants with their streams by kind, all sorted."""
    recordings: dict[tuple[str, str, str], dict[str, dict[str, StreamRow]]] = {}
    for row in rows:
        people = recordings.setdefault((row.corpus, row.split, row.recording), {})
        people.setdefault(row.participant, {})[row.kind] = row
    for key, people in sorted(recordings.items()):
        yield key, sorted(people.items())


def _reason(streams: Mapping[str, StreamRow], split: str, kinds: Sequence[str], frames: int) -> str:
    lacking = [kind for kind in kinds if kind not in streams]
    if not is_test_split(split) and "annotation" not in streams:
        lacking.append("annotation")
    if lacking:
        return "no " + ", no ".join(lacking)
    return "" if frames > 0 else "no frames"


def write_missing(path: Path, missing: Iterable[Missing], card: Mapping[str, Any]) -> None:
    """Write who was left out, and why."""
    people = list(missing)
    columns = {name: [getattr(person, name) for person in people] for name in MISSING_SCHEMA.names}
    write_parquet(path, columns, MISSING_SCHEMA, card)
