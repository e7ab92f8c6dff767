"""Recordings that were finished before, in another shard or another edition of the corpus: taken over, not made again.

A recording's tracks are decided by what made them (the card without the recordings a file happens to hold) and by the
content it was made of; where both are the same, the tracks are. So a corpus that moved, was given a name or is spread
over another number of shards costs copies.
"""

from __future__ import annotations

import glob
import logging
from collections import defaultdict
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
        if "-" not in folder.name:
            return {}
        found: dict[str, dict[str, Path]] = defaultdict(dict)
        for other in sorted(folder.parent.glob(f"{glob.escape(layout.corpus_of(folder))}-*")):
            if other == folder:
                continue
            files = sorted((other / feature).glob("[!.]*.h5"))
            for path in [*files, *sorted((other / feature).glob("*.h5.parts/[!.]*.h5"))]:
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
