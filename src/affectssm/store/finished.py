"""Recordings that were finished before, in another shard or another edition of the corpus: taken over, not made again.

A recording's tracks are decided by what made them (the card without the recordings a file happens to hold) and by the
content it was made of; where both are the same, the tracks are. So a corpus that moved, was given a name or is spread
over another number of shards costs copies.
"""

from __future__ import annotations

import glob
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store import layout
from affectssm.store.shards import OpenShards, ResumableShard, ShardReader

_LOG = logging.getLogger(__name__)


def base_id(card: Mapping[str, Any]) -> str:
    """Return the id of a feature file's card without the recordings it happens to hold."""
    return cards.card_id(cards.without_contents(card))


def recordings_by_shard(features: Path) -> dict[str, Counter[str]]:
    """Return recording -> the shards that hold it, counted over the feature files below an edition's folder.

    Files that cannot be read hold nothing.
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for path in _feature_files(features):
        shard = path.relative_to(features).parts[1].partition(".")[0]
        try:
            with ShardReader(path) as reader:
                for recording in reader.contents:
                    found[recording][shard] += 1
        except (DataError, OSError, KeyError, ValueError) as error:
            _LOG.info("%s is passed over: %s", path, error)
    return found


def _feature_files(folder: Path, feature: str = "*") -> list[Path]:
    """Return the finished files of features of an edition, and behind them the parts of unfinished ones."""
    return [
        *sorted(folder.glob(f"{feature}/[!.]*.h5")),
        *sorted(folder.glob(f"{feature}/*.h5.parts/[!.]*.h5")),
    ]


class FinishedElsewhere:
    """What was finished of a feature in other files below ``results/features/{corpus}-*``; read when first asked."""

    def __init__(self, shard: ResumableShard) -> None:
        self._shard = shard
        self._readers = OpenShards()
        self._places: dict[str, dict[str, Path]] | None = None

    def __enter__(self) -> FinishedElsewhere:
        return self

    def __exit__(self, *_: object) -> None:
        self._readers.close()

    def take(self, recording: str, content: str, same: Collection[str] = ()) -> Path | None:
        """Take over a recording's tracks and faults; return the file they were found in, or None.

        Args:
            recording: its id.
            content: the hash of what it is made of, under which it is kept from now on.
            same: other hashes that the same content has in other editions.
        """
        if self._places is None:
            self._places = self._found()
        held = self._places.get(recording, {})
        for each in dict.fromkeys((content, *same)):
            path = held.get(each)
            if path is not None and self._copy(path, recording, each, content):
                return path
        return None

    def _found(self) -> dict[str, dict[str, Path]]:
        """Recording -> content -> a finished file, or a part of an unfinished one, that was made as ours is."""
        own = self._shard.path.absolute()
        folder, feature = own.parent.parent, own.parent.name
        found: dict[str, dict[str, Path]] = defaultdict(dict)
        for other in layout.other_editions(folder):
            for path in _feature_files(other, glob.escape(feature)):
                try:
                    with ShardReader(path) as reader:
                        if base_id(reader.card) == self._shard.card["id"]:
                            for recording, content in reader.contents.items():
                                found[recording].setdefault(content, path)
                except (DataError, OSError, KeyError, ValueError) as error:
                    _LOG.info("%s is passed over: %s", path, error)
        return found

    def _copy(self, path: Path, recording: str, found_as: str, content: str) -> bool:
        try:
            reader = self._readers[path]
            if reader.contents[recording] != found_as:
                return False  # made anew since it was looked at
            with self._shard.recording(recording, content) as part:
                part.copy(reader)
        except (DataError, OSError, KeyError, ValueError) as error:
            _LOG.info("%s: not taken from %s: %s", recording, path, error)
            return False
        return True
