"""One recording in the making: in memory while it is small, in a part file of its own once it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from affectssm.store.faults import Fault
from affectssm.store.ids import check_id
from affectssm.store.shard_reader import ShardReader
from affectssm.store.shard_writer import ShardWriter, need_room, table_of
from affectssm.store.track import Track, check_track, pieces

HELD_BYTES = 4 << 20  # of one recording


class PartWriter:
    """One recording in the making: blocks of rows come one after another, and no long track is held whole.

    Args:
        folder: where parts are written.
        recording, content: its id and the hash of its inputs.
        new_part: opens a part file for it, should it outgrow memory.

    Attributes:
        faults: what was wrong with the recording, to be added to.
        file: the part file, once there is one.
        bytes: held in memory.
    """

    def __init__(
        self, folder: Path, recording: str, content: str, new_part: Callable[[], ShardWriter]
    ) -> None:
        self.recording, self.content = check_id(recording, "recording"), content
        self.faults: list[Fault] = []
        self.file: ShardWriter | None = None
        self.bytes = 0
        self._folder, self._new_part = folder, new_part
        self._held: dict[str, list[Track]] = {}
        self._people: set[str] = set()
        # the participant whose track is being written, its kind and the time of its last row
        self._open: str | None = None
        self._kind: tuple[str, float] = ("", 0.0)
        self._after = -np.inf

    def append(self, participant: str, block: Track) -> None:
        """Append rows to a participant's track. One track follows another.

        Raises:
            DataError: for rows that are not what a track must be, and a participant whose name is no id.
            OSError: if the disk is full.
            ValueError: for a block of another dimension, type or rate than the one before, and for a participant
                who came before another.
        """
        need_room(self._folder, self.bytes + block.value.nbytes)
        if participant != self._open:
            if participant in self._people:
                raise ValueError(f"the track of {participant} has ended")
            self._people.add(check_id(participant, "participant"))
            self._open, self._kind, self._after = participant, ("", 0.0), -np.inf
        check_track(self._folder, f"{self.recording}/{participant}", block, self._after)
        kind = table_of(block.value.shape[1], block.value.dtype), float(block.rate)
        if self._kind not in (("", 0.0), kind):
            raise ValueError(f"a block of {kind}, after those of {self._kind}")
        self._kind = kind
        self._after = float(block.time[-1]) if len(block.time) else self._after
        self._add(participant, _copied(block))

    def _add(self, participant: str, block: Track) -> None:
        if self.file is not None:
            self.file.append(participant, block)
            return
        self._held.setdefault(participant, []).append(block)
        self.bytes += _bytes(block)
        if self.bytes > HELD_BYTES:
            self.file = self._new_part()
            self.write(self.file)
            self._held, self.bytes = {}, 0

    def copy(self, reader: ShardReader) -> None:
        """Copy the finished tracks and faults of the recording from a feature file."""
        for participant in reader.participants(self.recording):
            key = self.recording, participant
            for rows in pieces(reader.info(*key)):
                self.append(participant, reader.track(*key, rows.start, rows.stop))
        self.faults += reader.faults(self.recording)

    def discard(self, participant: str) -> None:
        """Take back what was appended for the participant who came last."""
        if participant != self._open:
            return
        self._people.discard(participant)
        self._open = None
        if self.file is not None:
            self.file.discard(participant)
        self.bytes -= sum(map(_bytes, self._held.pop(participant, [])))

    def sizes(self) -> Counter[str]:
        """Return the rows that are held, by table."""
        found: Counter[str] = Counter()
        for blocks in self._held.values():
            for block in blocks:
                found[table_of(block.value.shape[1], block.value.dtype)] += len(block.time)
        return found

    def write(self, writer: ShardWriter) -> None:
        """Write the tracks that are held."""
        writer.begin(self.recording, self.content)
        for participant, blocks in self._held.items():
            for block in blocks:
                writer.append(participant, block)


def _copied(block: Track) -> Track:
    """Whoever made a block may use its arrays again."""
    return Track(block.value.copy(), np.array(block.time, float), np.array(block.valid, bool), block.rate)


def _bytes(block: Track) -> int:
    return block.value.nbytes + block.time.nbytes + block.valid.nbytes
