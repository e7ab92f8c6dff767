"""How much there is of a corpus: as its manifest says, or as somebody describes it who does not have it yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affectssm.vocabulary.needs import Described, Per

LEARNT = ("train", "all")  # splits whose recordings are learnt from


@dataclass(frozen=True)
class Extent:
    """What a corpus holds.

    Attributes:
        seconds: shard -> seconds of media, summed over the people whose media are read.
        counts: shard -> recordings.
        learnt: share of the seconds that models learn from.
        hz: pictures a second of its videos.
        pixels: of a picture, or None where nobody said.
        origin: whether it comes from a manifest, and otherwise who said so.
    """

    seconds: Mapping[str, float]
    counts: Mapping[str, int]
    learnt: float
    hz: float
    pixels: int | None
    origin: str

    @property
    def total(self) -> float:
        """Seconds of media of all shards."""
        return sum(self.seconds.values())

    @property
    def recordings(self) -> int:
        """Recordings of all shards."""
        return sum(self.counts.values())

    def amount(self, per: Per, shard: str | None) -> float:
        """Return how much a job works through: recordings or seconds, of a shard or of all."""
        found: Mapping[str, float] = self.counts if per == "recording" else self.seconds
        return float(found.get(shard, 0.0) if shard else sum(found.values()))

    @property
    def longest(self) -> str:
        """The shard with the most seconds, or with the most recordings where none has any."""
        return max(self.counts, key=lambda shard: (self.seconds.get(shard, 0.0), self.counts[shard]))


def described(given: Described, shards: int, pixels: int | None) -> Extent:
    """Return the extent of a corpus that somebody describes: its recordings, all alike, dealt to the shards.

    Args:
        given: whose recordings are known.
        shards: how many.
        pixels: of a picture.
    """
    every, more = divmod(given.recordings or 0, shards)
    counts = {f"s{number:02d}": every + (number < more) for number in range(shards)}
    counts = {shard: count for shard, count in counts.items() if count}
    each = 60 * (given.minutes or 0.0) * given.people
    seconds = {shard: count * each for shard, count in counts.items()}
    return Extent(seconds, counts, given.learnt, given.hz, pixels, given.source)


def of_shards(seconds: Mapping[str, float], known: Described) -> Extent:
    """Return what is known of a corpus by the length of its shards alone."""
    return Extent(seconds, {}, known.learnt, known.hz, None, "shards.json")


def of_manifest(folder: Path, pixels: int | None) -> Extent:
    """Return the extent of a corpus by its manifest.

    Args:
        folder: ``results/corpora/{corpus}-{edition}``.
        pixels: of a picture.
    """
    from affectssm.corpora.manifest import read_manifest
    from affectssm.corpora.sharding import media_seconds, seconds_by_shard

    rows = read_manifest(folder / "manifest.parquet")
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[row.shard].add(row.recording)
    splits = {row.recording: row.split for row in rows}
    lasts = media_seconds(rows)
    learnt = sum(length for recording, length in lasts.items() if splits[recording] in LEARNT)
    return Extent(
        seconds_by_shard(rows),
        {shard: len(names) for shard, names in found.items()},
        learnt / (sum(lasts.values()) or 1.0),
        max((row.rate for row in rows if row.kind == "video"), default=25.0),
        pixels,
        "manifest",
    )
