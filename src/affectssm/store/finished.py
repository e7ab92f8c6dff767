"""Recordings that were finished before, in another shard or another edition of the corpus: taken over, not made again.

A recording's tracks are decided by what made them (the card without the recordings a file happens to hold) and by the
content it was made of; where both are the same, the tracks are. So a corpus that moved, was given a name or is spread
over another number of shards costs copies.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import h5py

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store import layout
from affectssm.store.faults import Fault, read_faults
from affectssm.store.shards import ResumableShard, ShardReader

_LOG = logging.getLogger(__name__)


def base_id(card: Mapping[str, Any]) -> str:
    """Return the id of a feature file's card without the recordings it happens to hold."""
    extra = {name: value for name, value in card["extra"].items() if name != "contents"}
    return cards.card_id({**card, "extra": extra})


class FinishedElsewhere:
    """What was finished of a feature in other files below ``results/features/{corpus}-*``; read when first asked."""

    def __init__(self, shard: ResumableShard) -> None:
        self._shard = shard
        self._places: dict[str, dict[str, Path]] | None = None

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
        """Recording -> content -> file."""
        own = self._shard.path
        features = own.parents[2]
        pattern = f"{layout.corpus_of(own.parents[1])}-*/{own.parent.name}/*.h5"
        found: dict[str, dict[str, Path]] = defaultdict(dict)
        for path in sorted(features.glob(pattern)):
            if path == own or path.name.startswith("."):
                continue
            try:
                with ShardReader(path) as reader:
                    if base_id(reader.card) == self._shard.card["id"]:
                        for recording in reader.recordings:
                            found[recording].setdefault(reader.content(recording), path)
            except (DataError, OSError, KeyError, ValueError) as error:
                _LOG.info("%s is passed over: %s", path, error)
        return found

    def _copy(self, path: Path, recording: str, found_as: str, content: str) -> bool:
        try:
            faults = [fault for fault in read_faults(layout.faults_of(path)) if fault.recording == recording]
            with h5py.File(path, "r", locking=False) as file:
                if file[recording].attrs["content"] != found_as:
                    return False  # made anew since it was looked at
                self._write(recording, content, file[recording], faults)
        except (DataError, OSError, KeyError, ValueError) as error:
            _LOG.info("%s: not taken from %s: %s", recording, path, error)
            return False
        return True

    def _write(self, recording: str, content: str, tracks: h5py.Group, faults: list[Fault]) -> None:
        with self._shard.recording(recording, content) as part:
            part.copy(tracks)
            part.faults.extend(faults)
