"""Feature files: frame-wise tracks of a shard's recordings, and their resumable making.

``{shard}.h5`` holds ``value`` (T, D) at the native rate, ``time`` (T,) in seconds (the centre of the signal each row
summarises) and ``valid`` (T,) of every recording and participant; :mod:`affectssm.store.shard_writer` says how. While a
shard is being made, what is finished lies beside it in part files, which have the same form: a recording that outgrows
memory in one of its own, small ones together. A part is put in place once it has :data:`COMMIT_RECORDINGS` recordings
or :data:`COMMIT_BYTES`, or :data:`COMMIT_SECONDS` after its first recording was begun, whichever comes first, at the
end of a recording. So a kill loses the recording in hand and at most what was finished in the seconds before it; an
error or an interruption loses the recording in hand alone.
"""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store.atomic import staged, writing
from affectssm.store.faults import Fault
from affectssm.store.parts import PartWriter
from affectssm.store.shard_reader import OpenShards, ShardReader
from affectssm.store.shard_writer import ShardWriter, created, created_in_memory, need_room, table_of
from affectssm.store.track import Track, TrackInfo, pieces

__all__ = ["OpenShards", "PartWriter", "ResumableShard", "ShardReader", "Track", "TrackInfo"]

COMMIT_RECORDINGS = 256
COMMIT_BYTES = 8 << 20
COMMIT_SECONDS = 10.0


class ResumableShard:
    """A feature file in the making: parts, merged at the end. A context that puts in place what is finished.

    A recording counts as done only if its part's card id and the hash of its inputs are today's.
    """

    def __init__(self, path: Path | str, card: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.card = dict(card)
        self.parts = self.path.with_name(self.path.name + ".parts")
        self._waiting: dict[str, PartWriter] = {}  # finished, in no part yet
        self._began, self._bytes = 0.0, 0
        self._known: dict[str, tuple[str, Path]] | None = None  # recording -> content, part
        self._written: set[str] = set()

    def __enter__(self) -> ResumableShard:
        return self

    def __exit__(self, *_: object) -> None:
        self.commit()

    @property
    def _places(self) -> dict[str, tuple[str, Path]]:
        """What the parts hold that were made with this card; of a recording in several the last counts."""
        if self._known is None:
            self._known = {}
            for path in sorted(self.parts.glob("[!.]*.h5")):
                try:
                    with ShardReader(path) as reader:
                        if reader.card["id"] == self.card["id"]:
                            self._known |= {name: (held, path) for name, held in reader.contents.items()}
                except (DataError, OSError, KeyError, ValueError):
                    continue  # torn, or of another format: made again
        return self._known

    def done(self, recording: str, content: str) -> bool:
        """Whether ``recording`` was finished before with this card and these inputs; if so it counts for the merge."""
        if recording in self._waiting:
            return self._waiting[recording].content == content
        held = self._places.get(recording)
        same = held is not None and held[0] == content
        if same:
            self._written.add(recording)
        return same

    @contextmanager
    def recording(self, recording: str, content: str) -> Iterator[PartWriter]:
        """Yield a writer for one recording, which is kept only if the block ends without an error."""
        if not self._waiting:
            self._began = time.monotonic()
        with ExitStack() as stack, writing(self.path):
            part = PartWriter(self.parts, recording, content, lambda: stack.enter_context(self._new_part()))
            self.parts.mkdir(parents=True, exist_ok=True)
            yield part
            if part.file is not None:
                part.file.add_faults(part.faults)
        self._waiting.pop(recording, None)
        self._written.add(recording)
        if part.file is None:
            self._waiting[recording] = part
            self._bytes += part.bytes
        if self._is_due():
            self.commit()

    def _is_due(self) -> bool:
        late = time.monotonic() - self._began >= COMMIT_SECONDS
        return late or self._bytes >= COMMIT_BYTES or len(self._waiting) >= COMMIT_RECORDINGS

    @contextmanager
    def _new_part(self, sizes: Mapping[str, int] | None = None) -> Iterator[ShardWriter]:
        """A part file, put in place if the block ends without an error; in memory until then where sizes are known."""

        def validate(written: Path) -> None:
            with ShardReader(written) as reader:
                reader.check(self.path)

        # no two processes have the same name, and names sort by age
        path = self.parts / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.h5"
        places = self._places
        create = created if sizes is None else created_in_memory
        with staged(path, validate) as temporary, create(temporary) as file:
            writer = ShardWriter(file, sizes)
            yield writer
            writer.close(self.card)
        places |= {name: (content, path) for name, content in writer.contents.items()}

    def commit(self) -> None:
        """Put what is finished in place, so that no kill loses it."""
        if not self._waiting:
            return
        waiting = self._waiting.values()
        with self._new_part(sum((part.sizes() for part in waiting), Counter())) as writer:
            for part in waiting:
                part.write(writer)
                writer.add_faults(part.faults)
        self._waiting, self._bytes = {}, 0

    def write(
        self, recording: str, content: str, tracks: Mapping[str, Track], faults: Iterable[Fault] = ()
    ) -> None:
        """Write one recording's tracks, by participant, and what was wrong with it."""
        with self.recording(recording, content) as part:
            for participant, track in tracks.items():
                part.append(participant, track)
            part.faults.extend(faults)

    def faults(self) -> list[Fault]:
        """Return what was wrong with the recordings that are done."""
        self.commit()
        with OpenShards() as readers:
            return [
                fault
                for name in sorted(self._written)
                for fault in readers[self._places[name][1]].faults(name)
            ]

    def finish(self) -> list[Fault]:
        """Merge the parts into the final file, remove them and return all faults.

        The final card's id also covers the contents of the recordings, so that whatever is made of the file notices.
        """
        faults = self.faults()
        contents = {name: self._places[name][0] for name in sorted(self._written)}
        lines = "\n".join(f"{name}\t{content}" for name, content in contents.items())
        digest = hashlib.sha256(lines.encode()).hexdigest()[:32]
        card = self.card | {"extra": {**self.card["extra"], "contents": digest}}

        def validate(written: Path) -> None:
            with ShardReader(written) as reader:
                found, expected = dict(reader.contents), contents
            if found != expected:
                missing = sorted(set(expected) - set(found))
                raise DataError(self.path, f"without {missing}", "every recording of the shard", "run again")

        with staged(self.path, validate) as temporary, created(temporary) as file, OpenShards() as readers:
            parts = {self._places[name][1] for name in contents}
            need_room(self.path.parent, sum(part.stat().st_size for part in parts))
            writer = ShardWriter(file, self._sizes(contents, readers))
            for name, content in contents.items():
                writer.begin(name, content)
                _merge(writer, readers[self._places[name][1]], name)
            writer.close(card | {"id": cards.card_id(card)})
        shutil.rmtree(self.parts, ignore_errors=True)
        self._known = None
        return faults

    def _sizes(self, names: Iterable[str], readers: OpenShards) -> Counter[str]:
        """Rows of the recordings' tracks, by table."""
        sizes: Counter[str] = Counter()
        for name in names:
            reader = readers[self._places[name][1]]
            for participant in reader.participants(name):
                info = reader.info(name, participant)
                sizes[table_of(info.dim, info.dtype)] += info.rows
        return sizes


def _merge(writer: ShardWriter, reader: ShardReader, recording: str) -> None:
    for participant in reader.participants(recording):
        key = recording, participant
        for rows in pieces(reader.info(*key)):
            writer.append(participant, reader.track(*key, rows.start, rows.stop))
    writer.add_faults(reader.faults(recording))
