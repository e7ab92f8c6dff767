"""Windows: 96 clock frames = 32 of context, 32 predicted, 32 of context, every 32 frames.

The first window starts 32 frames before the recording and a recording of N frames has ceil(N/32), so the
predicted centres cover every frame exactly once (geometry of the released DAT code, which DA-Mamba shares;
unlike there, frames outside the recording are masked, not counted as zeros).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from affectssm.corpora.manifest import StreamRow, content_hash, is_test_split, label_frames, read_manifest
from affectssm.errors import DataError
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.clock import ratio
from affectssm.timeline.index import LENGTH, Target, write_index

PARTS: dict[str, tuple[str, ...]] = {"training": ("train", "val"), "prediction": ("test",)}

MISSING_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("corpus", "split", "recording", "participant", "reason")]
)


def part_of(corpus: str, split: str) -> str:
    """Name the file of an owner's split: train trains, NoXi's val selects, all else is predicted only."""
    if split == "train":
        return "train"
    return "val" if (corpus, split) == ("noxi", "val") else "test"


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
    rows: Iterable[StreamRow], kinds: Sequence[str], clock_hz: int
) -> tuple[list[Target], list[Missing]]:
    """Divide a corpus' participants into those to be predicted and those left out, with the reason.

    A participant is left out if a stream of one of the kinds is missing, or the label in a split that has
    labels; it still is a partner to the others if any needed stream is there.
    """
    targets: list[Target] = []
    missing: list[Missing] = []
    for (corpus, split, recording), people in _by_recording(rows):
        present = [name for name, streams in people if any(kind in streams for kind in kinds)]
        for name, streams in people:
            frames = label_frames(streams.values())
            reason = _reason(streams, split, kinds, frames)
            if reason:
                missing.append(Missing(corpus, split, recording, name, reason))
                continue
            shard = next(iter(streams.values())).shard
            partners = tuple(other for other in present if other != name)
            length = (frames * ratio(clock_hz), frames)
            targets.append(Target(corpus, split, "main", shard, recording, name, *length, partners))
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


def write_windows(
    task: str,
    manifests: Mapping[str, Path],
    kinds: Sequence[str],
    clock_hz: int,
    part: str,
    out_dir: Path | str,
) -> None:
    """Write the window indexes of a task.

    Args:
        task: name of the task, for the cards.
        manifests: corpus -> its manifest.
        kinds: of the manifest rows that the task's features are made of.
        clock_hz: 25 or 100.
        part: training (train.parquet and val.parquet) or prediction (test.parquet, and missing.parquet with
            all who were left out of any part).
        out_dir: folder of the task.

    Raises:
        DataError: if nobody can be trained on.
    """
    names = PARTS[part]
    rows = [row for path in manifests.values() for row in read_manifest(path)]
    if part == "training":  # what other splits hold does not matter to a model
        rows = [row for row in rows if part_of(row.corpus, row.split) in names]
    targets, missing = find_targets(rows, kinds, clock_hz)
    settings = {"task": task, "kinds": list(kinds), "clock_hz": clock_hz, "length": LENGTH}
    card = make_card("windows", ["affectssm.timeline.windows"], settings, content=content_hash(rows))
    for name in names:
        chosen = [target for target in targets if part_of(target.corpus, target.split) == name]
        if name == "train" and not chosen:
            raise _nobody(manifests, kinds)
        write_index(Path(out_dir) / f"{name}.parquet", chosen, card)
    if part == "prediction":
        columns = {name: [getattr(person, name) for person in missing] for name in MISSING_SCHEMA.names}
        write_parquet(Path(out_dir) / "missing.parquet", columns, MISSING_SCHEMA, card)


def _nobody(manifests: Mapping[str, Path], kinds: Sequence[str]) -> DataError:
    return DataError(
        ", ".join(str(path) for path in manifests.values()),
        "no participant of a training split has all that is needed",
        f"{', '.join(kinds)} and annotation of one at least",
        "look into the fault table beside the manifest; without raw media set dialogue.sources: [multimediate]",
    )
