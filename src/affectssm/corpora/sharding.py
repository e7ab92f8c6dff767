"""Which shard a recording falls into: the media of all shards last about as long, and no recording ever moves.

What is new goes to the shard with the least media so far, the longest first. Where a recording once was it stays, also
when others come or go, when its media change, or when it was away for a time: ``assignment.json`` beside the manifest
says it, which Snakemake does not know and so leaves alone when it makes the manifest again. Where that is lost, the
feature files of the edition tell by what they hold, and otherwise all are dealt anew, by their lengths and names
alone. What must lie in one shard (the trials of a subject) is dealt together.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from affectssm.corpora.manifest import StreamRow, shard_of
from affectssm.store import layout
from affectssm.store.atomic import write_json
from affectssm.store.files import read_whole

FORMAT = 1
_MOST_BYTES = 256 << 20
_SHARD = re.compile(r"s\d{2,3}")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dealt:
    """What was dealt before: recording -> shard, and whether feature files tell it for want of anything better."""

    recordings: Mapping[str, str]
    by_features: bool = False


def media_seconds(rows: Iterable[StreamRow]) -> dict[str, float]:
    """Return recording -> seconds of media to be worked through.

    The videos of its people, one after another; without a video the longest other stream. A label counts only where
    there is nothing else: those of test parts may be withheld, and decide nothing.
    """
    videos: dict[str, float] = defaultdict(float)
    others: dict[str, float] = defaultdict(float)
    labels: dict[str, float] = defaultdict(float)
    for row in rows:
        if row.kind == "video":
            videos[row.recording] += row.duration_s
        else:
            longest = labels if row.kind == "annotation" else others
            longest[row.recording] = max(longest[row.recording], row.duration_s)
    return labels | others | videos


def seconds_by_shard(rows: Iterable[StreamRow]) -> dict[str, float]:
    """Return shard -> seconds of media in it, rounded to a thousandth."""
    rows = list(rows)
    shards = {row.recording: row.shard for row in rows}
    found: dict[str, float] = defaultdict(float)
    for recording, seconds in sorted(media_seconds(rows).items()):
        found[shards[recording]] += seconds
    return {shard: round(found[shard], 3) for shard in sorted(found)}


def spread(
    seconds: Mapping[str, float], shards: int, known: Mapping[str, str], groups: Mapping[str, str]
) -> dict[str, str]:
    """Return recording -> shard.

    Args:
        seconds: recording -> how long its media last.
        shards: how many there are.
        known: recording -> shard, of recordings that have one and stay there.
        groups: recording -> what lies in one shard with it, of which it may be the only one.
    """
    found = {recording: known[recording] for recording in seconds if recording in known}
    held: dict[str, Counter[str]] = defaultdict(Counter)  # group -> shards its recordings are in
    loads = dict.fromkeys(_names(shards), (0.0, 0))
    for recording, shard in found.items():
        held[groups[recording]][shard] += 1
        loads[shard] = loads[shard][0] + seconds[recording], loads[shard][1] + 1
    new: dict[str, list[str]] = defaultdict(list)
    for recording in sorted(set(seconds) - set(found)):
        new[groups[recording]].append(recording)
    lasts = {group: sum(seconds[one] for one in members) for group, members in new.items()}
    for group in sorted(new, key=lambda one: (-lasts[one], one)):
        shard = _most(held[group]) or min(loads, key=lambda one: (*loads[one], one))
        found |= dict.fromkeys(new[group], shard)
        loads[shard] = loads[shard][0] + lasts[group], loads[shard][1] + len(new[group])
    return found


def with_shards(rows: list[StreamRow], shards: int, dealt: Dealt) -> tuple[list[StreamRow], dict[str, str]]:
    """Return a manifest's rows with their shards, and recording -> shard of all that were ever dealt.

    Args:
        rows: whose ``shard`` is empty, or names what must lie in one shard.
        shards: how many there are.
        dealt: as :func:`dealt_before` returns it.
    """
    groups = {row.recording: row.shard or row.recording for row in rows}
    names = set(_names(shards))
    known = {recording: shard for recording, shard in dealt.recordings.items() if shard in names}
    by_ids = {recording: shard_of(group, shards) for recording, group in groups.items()}
    both = by_ids.keys() & known.keys()
    if dealt.by_features and both and all(known[one] == by_ids[one] for one in both):
        known |= by_ids  # of an earlier version, which went by ids alone: nothing that it made is made again
    found = spread(media_seconds(rows), shards, known, groups)
    return [StreamRow(**(vars(row) | {"shard": found[row.recording]})) for row in rows], known | found


def dealt_before(corpus_folder: Path) -> Dealt:
    """Return what was dealt before for the manifest in a folder."""
    path = layout.assignment(corpus_folder)
    try:
        kept = json.loads(read_whole(path, _MOST_BYTES))
        found = kept["recordings"]
        if kept["format"] == FORMAT and all(map(_is_assigned, found.items())):
            return Dealt(dict(found))
        why = "something else"
    except FileNotFoundError:
        why = ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = f"not readable: {error}"
    if why:
        _LOG.warning("%s: %s; which recording lies in which shard is taken from the features", path, why)
    features = layout.features_of(corpus_folder)
    if not features.is_dir():
        return Dealt({})
    from affectssm.store.finished import recordings_by_shard  # HDF5, which is seldom needed here

    places = recordings_by_shard(features)
    return Dealt({recording: _most(shards) for recording, shards in places.items()}, by_features=True)


def write_dealt(corpus_folder: Path, recordings: Mapping[str, str]) -> None:
    """Write recording -> shard, for the discoveries to come."""
    write_json(layout.assignment(corpus_folder), {"format": FORMAT, "recordings": dict(recordings)})


def _names(shards: int) -> list[str]:
    return [f"s{number:02d}" for number in range(shards)]


def _is_assigned(item: tuple[object, object]) -> bool:
    return isinstance(item[1], str) and bool(_SHARD.fullmatch(item[1]))


def _most(shards: Counter[str]) -> str:
    """Return the shard that most are in, of several the first by name; "" where there is none."""
    return min(shards, key=lambda name: (-shards[name], name), default="")
