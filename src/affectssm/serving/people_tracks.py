"""The people of given videos: their face tracks, as a feature file, and the table that says who was seen when.

The tracks of everybody lie in ``features/face_track/s00.h5``, in the form of those of one person each, so that whatever
reads faces reads them. What is known of the people of a recording is kept beside it, in ``people/{recording}.json``,
until all are done.
"""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.manifest import StreamRow, content_hash
from affectssm.errors import DataError
from affectssm.serving.people import Seen, Watched
from affectssm.store.atomic import staged, write_json
from affectssm.store.boundary import boundary
from affectssm.store.card import make_card
from affectssm.store.faults import Fault, write_faults
from affectssm.store.finished import base_id
from affectssm.store.ids import file_name
from affectssm.store.shards import PartWriter, ResumableShard, ShardReader
from affectssm.store.track import pieces

_LOG = logging.getLogger(__name__)
COLUMNS = (
    "recording", "participant", "video", "first_s", "last_s", "pictures", "of_pictures", "mean_area_px",
)  # fmt: skip
"""Of people.csv: who it is ("" of somebody who was not taken), when seen, in how many pictures, how large in them."""
Line = dict[str, Any]


@dataclass(frozen=True)
class Videos:
    """The videos of a recording, a row of the manifest each, whose participant is not yet known."""

    recording: str
    rows: Sequence[StreamRow | None]


def watch(
    recordings: Sequence[Videos],
    mode: str,
    settings: Mapping[str, Any],
    root: Path,
    work: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, list[list[Line]]]:
    """Tell the people of videos apart and write their face tracks, or go on where a killed call was.

    Args:
        recordings: with the videos of each; None in place of a file without pictures.
        mode: ``all``, or ``largest``: of each video the person whose face covers most.
        settings: of the feature ``face_track``.
        root: what the rows' paths are below.
        work: gets ``features/face_track/s00.h5`` and ``s00.faults.parquet`` beside it.
        progress: told before each recording: its name, its number and how many there are.

    Returns:
        recording -> for each of its videos lines of :data:`COLUMNS`.
    """
    out = work / "features" / "face_track" / "s00.h5"
    modules = ["affectssm.serving.people", "affectssm.serving.crowd", "affectssm.serving.people_tracks"]
    card = make_card("features/face_track", modules, settings, people=mode)
    contents = {one.recording: content_hash([row for row in one.rows if row], True) for one in recordings}
    if is_finished(out, card["id"], contents) and (found := _known(work, contents)) is not None:
        return found
    with ResumableShard(out, card) as result:
        for number, one in enumerate(recordings, 1):
            content = contents[one.recording]
            if result.done(one.recording, content) and _lines(work, one.recording, content) is not None:
                continue
            if progress is not None:
                progress(one.recording, number, len(recordings))
            with result.recording(one.recording, content) as part:
                lines = _Recording(one, mode, settings, root, part).watch()
                write_json(_kept(work, one.recording), {"content": content, "people": lines})
            result.commit()  # the next one may take an hour
    write_faults(out.with_name("s00.faults.parquet"), result.faults(), card)
    result.finish()
    found = _known(work, contents)
    assert found is not None
    return found


def is_finished(path: Path, card_id: str, contents: Mapping[str, str]) -> bool:
    """Whether a feature file is whole and was made by this card's maker of these contents."""
    if not path.is_file():
        return False
    try:
        with ShardReader(path) as reader:
            return base_id(reader.card) == card_id and dict(reader.contents) == dict(contents)
    except (DataError, OSError, KeyError, ValueError):
        return False


class _Recording:
    """The videos of one recording; their people are numbered through."""

    def __init__(
        self, videos: Videos, mode: str, settings: Mapping[str, Any], root: Path, part: PartWriter
    ) -> None:
        self.videos, self.mode, self.settings, self.root, self.part = videos, mode, settings, root, part
        self._number = 0

    def watch(self) -> list[list[Line]]:
        return [self._file(row) for row in self.videos.rows]

    def _file(self, row: StreamRow | None) -> list[Line]:
        if row is None:
            return [self._line(self._name(), "", None, 0)]
        path = self.root / row.path
        try:
            with boundary(path), closing(Watched(path, self.settings)) as watched:
                return self._people(row, watched)
        except DataError as error:
            name = self._name()
            self._fault(
                row, name, error.code or "unreadable_media", error.found, error.expected, "quarantined"
            )
            return [self._line(name, row.path, None, 0)]

    def _people(self, row: StreamRow, watched: Watched) -> list[Line]:
        people: Sequence[Seen | None] = watched.people or [None]
        largest, lines = watched.largest, []
        for one in people:
            taken = self.mode == "all" or one is largest
            name = self._name() if taken else ""
            if taken:
                for block in watched.track(one):
                    self.part.append(name, block)
                for note in watched.missing(one):
                    self._fault(row, name, note.code, note.found, note.expected, note.action)
            lines.append(self._line(name, row.path, one, len(watched.time)))
        for note in watched.notes:
            self._fault(row, "", note.code, note.found, note.expected, note.action)
        return lines

    def _name(self) -> str:
        self._number += 1
        return f"p{self._number}"

    def _line(self, name: str, path: str, seen: Seen | None, pictures: int) -> Line:
        line: Line = dict.fromkeys(COLUMNS, "")
        line |= {
            "recording": self.videos.recording, "participant": name, "video": f"/{path}" if path else "",
            "pictures": 0, "of_pictures": pictures,
        }  # fmt: skip
        if seen is not None:
            count = len(seen.pictures)
            line |= {"first_s": round(seen.first_s, 3), "last_s": round(seen.last_s, 3), "pictures": count}
            line["mean_area_px"] = round(seen.area / count)
        return line

    def _fault(self, row: StreamRow, name: str, code: str, found: str, expected: str, action: str) -> None:
        self.part.faults.append(
            Fault(row.corpus, row.recording, name, row.kind, code, found, expected, action)
        )


def _kept(work: Path, recording: str) -> Path:
    return work / "people" / f"{file_name(recording, 'recording')}.json"


def _lines(work: Path, recording: str, content: str) -> list[list[Line]] | None:
    """Return what is known of the people of a recording; None where that is not of this content."""
    try:
        found = json.loads(_kept(work, recording).read_text(encoding="utf-8"))
        return found["people"] if found["content"] == content else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _known(work: Path, contents: Mapping[str, str]) -> dict[str, list[list[Line]]] | None:
    found = {recording: _lines(work, recording, content) for recording, content in contents.items()}
    return None if None in found.values() else {name: lines for name, lines in found.items() if lines}


def line_of_track(reader: ShardReader | None, recording: str, participant: str, path: str) -> Line:
    """Return the line of a participant by a face track; without one, that of nobody."""
    line: Line = dict.fromkeys(COLUMNS, "")
    line |= {"recording": recording, "participant": participant, "video": path}
    if reader is None or (recording, participant) not in reader:
        return line
    time, valid = reader.times(recording, participant)
    line |= {"pictures": int(valid.sum()), "of_pictures": len(time)}
    if valid.any():
        area, seen = 0.0, time[valid]
        for rows in pieces(reader.info(recording, participant)):
            box = reader.values(recording, participant, rows.start, rows.stop)[:, :4].astype(np.float64)
            area += float((box[:, 2] * box[:, 3]).sum())  # rows that are not valid are zeros
        line |= {"first_s": round(float(seen[0]), 3), "last_s": round(float(seen[-1]), 3)}
        line["mean_area_px"] = round(area / len(seen))
    return line


def write_people(path: Path, lines: Sequence[Line]) -> None:
    """Write people.csv."""
    with staged(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
