"""Feature files: frame-wise tracks of a shard's recordings, and their resumable making.

``{shard}.h5`` holds a group per recording and participant with ``value`` (T, D) at the native rate, ``time`` (T,) in
seconds (the centre of the signal each row summarises) and ``valid`` (T,). While a shard is being made, each finished
recording lies in a part file of its own beside it, so that a killed job goes on with the next recording.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads as json_loads
from pathlib import Path
from typing import Any

import h5py

from affectssm.errors import DataError
from affectssm.store import card as cards
from affectssm.store.atomic import staged
from affectssm.store.faults import Fault
from affectssm.store.ids import check_id
from affectssm.store.parts import PartWriter, Track, check_track, created, need_room

__all__ = ["PartWriter", "ResumableShard", "ShardReader", "Track", "TrackInfo"]


@dataclass(frozen=True)
class TrackInfo:
    """The size of a track: rows T, dimension D, nominal rate in Hz."""

    rows: int
    dim: int
    rate: float


class ResumableShard:
    """A feature file in the making: one part a recording, merged at the end.

    A part counts as done only if its card id and the hash of the recording's inputs are today's.
    """

    def __init__(self, path: Path | str, card: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.card = dict(card)
        self.parts = self.path.with_name(self.path.name + ".parts")
        self._written: list[str] = []

    def _part(self, recording: str) -> Path:
        return self.parts / f"{check_id(recording, 'recording')}.h5"

    def done(self, recording: str, content: str) -> bool:
        """Whether ``recording`` was finished before with this card and these inputs; if so it counts for the merge."""
        part = self._part(recording)
        if not part.is_file():
            return False
        try:
            with h5py.File(part, "r", locking=False) as file:
                same = file.attrs.get("card_id") == self.card["id"] and file.attrs.get("content") == content
        except OSError:
            same = False
        if same:
            self._written.append(recording)
        return bool(same)

    @contextmanager
    def recording(self, recording: str, content: str) -> Iterator[PartWriter]:
        """Yield a writer for one recording; the part is kept only if the block ends without an error."""

        def validate(written: Path) -> None:
            with h5py.File(written, "r", locking=False) as file:
                for participant in file:
                    check_track(self.path, f"{recording}/{participant}", file[participant])

        with (
            staged(self._part(recording), validate) as temporary,
            created(temporary) as file,
        ):
            file.attrs["card_id"] = self.card["id"]
            file.attrs["content"] = content
            writer = PartWriter(file)
            yield writer
            writer.close()
        self._written.append(recording)

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
        found: list[Fault] = []
        for recording in sorted(set(self._written)):
            with h5py.File(self._part(recording), "r", locking=False) as part:
                found.extend(Fault(**row) for row in json_loads(part.attrs["faults"]))
        return found

    def finish(self) -> list[Fault]:
        """Merge the parts into the final file, remove them and return all faults.

        The final card's id also covers the contents of the recordings, so that whatever is made of the file notices.
        """
        faults = self.faults()

        def validate(written: Path) -> None:
            with ShardReader(written) as reader:
                expected = {name for name in self._written if name in reader.recordings}
                if expected != set(self._written):
                    missing = sorted(set(self._written) - expected)
                    raise DataError(
                        self.path, f"without {missing}", "every recording of the shard", "run again"
                    )

        with staged(self.path, validate) as temporary, created(temporary) as file:
            contents: dict[str, str] = {}
            need_room(
                self.path, sum(self._part(recording).stat().st_size for recording in set(self._written))
            )
            for recording in sorted(set(self._written)):
                with h5py.File(self._part(recording), "r", locking=False) as part:
                    group = file.create_group(recording)
                    group.attrs["content"] = contents[recording] = part.attrs["content"]
                    for participant in part:
                        part.copy(participant, group)
            card = self.card | {"extra": {**self.card["extra"], "contents": contents}}
            file.attrs["card"] = cards.dumps(card | {"id": cards.card_id(card)})
        shutil.rmtree(self.parts, ignore_errors=True)
        return faults


class ShardReader:
    """Reads a feature file; opened at the first use, without locking, so that many processes can."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._file: h5py.File | None = None

    def __enter__(self) -> ShardReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_file": None}

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def file(self) -> h5py.File:
        """The open file.

        Raises:
            DataError: if it is absent or not HDF5.
        """
        if self._file is None:
            try:
                self._file = h5py.File(self.path, "r", locking=False)
            except OSError as error:
                raise DataError(
                    self.path,
                    f"not readable as HDF5: {error}",
                    "a finished feature file",
                    "delete it and run again",
                ) from error
        return self._file

    @property
    def card(self) -> dict[str, Any]:
        """The card the file carries."""
        return json_loads(self.file.attrs["card"])

    def content(self, recording: str) -> str:
        """Return the hash of what a recording was made of."""
        return str(self.file[recording].attrs["content"])

    @property
    def recordings(self) -> list[str]:
        """The recordings, also those in which nothing could be extracted."""
        return list(self.file)

    def keys(self) -> list[tuple[str, str]]:
        """Return (recording, participant) of every track, sorted."""
        return [(recording, participant) for recording in self.file for participant in self.file[recording]]

    def __contains__(self, key: tuple[str, str]) -> bool:
        return "/".join(key) in self.file

    def info(self, recording: str, participant: str) -> TrackInfo:
        """Return the size of a track without reading it."""
        group = self.file[recording][participant]
        rows, dim = group["value"].shape
        return TrackInfo(rows, dim, float(group.attrs["rate"]))

    def track(
        self, recording: str, participant: str, start: int | None = None, stop: int | None = None
    ) -> Track:
        """Return rows ``start`` to ``stop`` of a track."""
        group = self.file[recording][participant]
        rows = slice(start, stop)
        return Track(
            group["value"][rows], group["time"][rows], group["valid"][rows], float(group.attrs["rate"])
        )
