"""Media files that somebody hands over, as a manifest: what each holds, who is in it, and what is wrong with it.

``given`` writes into its folder ``manifest.parquet`` (rows as of a corpus, of the one shard ``s00``; paths are absolute,
below :data:`ROOT`), ``faults.parquet``, ``people.csv`` and ``given.json``, which says how people were told apart.

A recording is a file of ``paths``, and its participants are ``p1``, ``p2``, ...: the people of the file, then those of
the partners' files. The sound of a file is each of its people's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from affectssm.corpora.checksums import with_checksums
from affectssm.corpora.listing import Entry
from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.corpora.measure_media import MediaMeasurer
from affectssm.corpora.people import Measured, Person, Source
from affectssm.errors import ConfigError, DataError
from affectssm.serving.files import GivenFile, check_once, look_at, names_of
from affectssm.store.boundary import boundary
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog

ROOT = Path("/")
SHARD, SPLIT, GIVEN = "s00", "all", "given"
People = Literal["one", "largest", "all"]
PEOPLE: tuple[People, ...] = ("one", "largest", "all")
_MODULES = ("affectssm.corpora.measure_media", "affectssm.corpora.manifest", "affectssm.corpora.checksums")


@dataclass
class Found:
    """A file of a recording: what it is, and who is seen in it.

    Attributes:
        file: None where it cannot be used.
        people: names of its participants.
    """

    given: Path
    file: GivenFile | None
    people: list[str] = field(default_factory=list)


def given(
    paths: Sequence[Path],
    partners: Sequence[Path],
    people: People,
    work: Path,
    audio: Sequence[Path] = (),
    *,
    transcripts: Sequence[Path] = (),
    language: str = "english",
    corpus: str = GIVEN,
    faces: Mapping[str, Any] | None = None,
) -> Path:
    """Check media files and write what they hold.

    Args:
        paths: videos, sound files, or BDF and EDF files: a recording each.
        partners: of other people in the one recording of ``paths``.
        people: who of those in a video is meant: ``one``, the person whom a face track follows (who is seen first, unless
            another is seen three times as long); ``largest``, whose face covers most of the pictures in all; ``all``,
            everybody, by name p1, p2, ... in the order in which they appear.
        work: the folder for the manifest and what is computed; that of an earlier call goes on.
        audio: sound files in place of the videos' own sound, in the order of ``paths``, then ``partners``.
        transcripts: text files of what is said, in the same order.
        language: of the transcripts, english or chinese.
        corpus: the name that rows bear; of signals it decides which channels are wanted.
        faces: settings of the feature ``face_track``; those of the paper's scale where None.

    Returns:
        ``manifest.parquet``.

    Raises:
        ConfigError: for files that do not belong together, or are given twice.
        DataError: if no file can be used.
    """
    _check(paths, partners, people, audio, transcripts)
    log = FaultLog(corpus)
    names = names_of(paths)
    _report_names(paths, names, log)
    rows: list[StreamRow] = []
    for at, (path, name) in enumerate(zip(paths, names, strict=True)):
        files = [path, *(partners if at == 0 else ())]
        recording = _Recording(name, corpus, log)
        recording.open(files)
        recording.count(people)
        rows += recording.rows(list(audio) if len(paths) == 1 else list(audio[at : at + 1]))
    rows = with_checksums(rows, {"root": ROOT}, "sha256", log)
    return _write(work, rows, log, people)


def _check(
    paths: Sequence[Path], partners: Sequence[Path], people: str, audio: Sequence[Path], texts: Sequence[Path]
) -> None:
    if people not in PEOPLE:
        raise ConfigError("people", repr(people), f"one of {', '.join(PEOPLE)}", "name one of these")
    if not paths:
        raise ConfigError("media", "no file", "a media file at least", "name one")
    if partners and len(paths) > 1:
        raise ConfigError(
            str(partners[0]), f"a partner of {len(paths)} recordings", "partners of one recording",
            "answer for one recording at a time",
        )  # fmt: skip
    most = len(paths) + len(partners)
    for what, files in (("sound files", audio), ("transcripts", texts)):
        if len(files) > most:
            raise ConfigError(
                str(files[most]), f"{len(files)} {what} for {most} media files", "one for each at most", "leave some out"
            )  # fmt: skip
    check_once([*paths, *partners])


def _report_names(paths: Sequence[Path], names: Sequence[str], log: FaultLog) -> None:
    for path, name in zip(paths, names, strict=True):
        if name != path.stem:
            found = f"the file {path.name!a}"
            log.add(
                "recording_renamed",
                recording=name,
                found=found,
                expected="a name of its own",
                action="decided",
            )


class _Recording:
    """A recording: its files, their people, and rows of the manifest."""

    def __init__(self, name: str, corpus: str, log: FaultLog) -> None:
        self.name, self.corpus, self.log = name, corpus, log
        self.files: list[Found] = []

    def open(self, paths: Sequence[Path]) -> None:
        """Look at the files; what cannot be used becomes a fault."""
        for path in paths:
            try:
                with boundary(path):
                    file = look_at(path)
            except DataError as error:
                notes = self.log.about(self.name)
                code = error.code or "unreadable_media"
                notes.add(code, "", f"{path.name}: {error.found}", error.expected, "quarantined")
                file = None
            self.files.append(Found(path, file))

    def count(self, people: People) -> None:
        """Name the people of each file."""
        number = 0
        for found in self.files:
            number += 1
            found.people = [f"p{number}"]

    def rows(self, audio: Sequence[Path]) -> list[StreamRow]:
        """Return the rows of all participants."""
        made: list[StreamRow] = []
        for at, found in enumerate(self.files):
            sound = audio[at] if at < len(audio) else None
            made += self._media(found, sound)
        return made

    def _media(self, found: Found, sound: Path | None) -> list[StreamRow]:
        sources: dict[str, Source] = {}
        if found.file is not None:
            sources[found.file.kind] = source_of(found.file.path)
        if sound is not None:
            sources["audio"] = source_of(look_at(sound).path)
        if not sources:
            return []
        first = Person(SPLIT, self.name, found.people[0], sources)
        own = FaultLog(self.corpus)
        measured = MediaMeasurer(first, own).media()
        # videos are where sound is expected here
        self.log.rows += [fault for fault in own.rows if fault.code != "audio_from_video"]
        return [self._row(name, kind, held) for name in found.people for kind, held in measured.items()]

    def _row(self, participant: str, kind: str, held: Measured) -> StreamRow:
        return StreamRow(
            self.corpus, SPLIT, self.name, participant, kind, held.source.entry.rel, "root", held.rate, held.frames,
            held.dim, held.duration_s, held.source.entry.size, "", self.name, "", SHARD,
        )  # fmt: skip


def source_of(path: Path) -> Source:
    """Return an absolute path as a source below :data:`ROOT`."""
    stat = path.stat()
    return Source(path, Entry(path.parts[1:], stat.st_size, stat.st_mtime_ns), "root")


def _write(work: Path, rows: list[StreamRow], log: FaultLog, people: str) -> Path:
    if not rows:
        raise nothing_usable(log)
    card = make_card("given", _MODULES, {"people": people})
    log.write(work / "faults.parquet", card)
    out = work / "manifest.parquet"
    write_manifest(out, rows, card)
    return out


def nothing_usable(log: FaultLog) -> DataError:
    """Return the error of files of which none can be used: the first fault that says why."""
    bad = [fault for fault in log.rows if fault.action == "quarantined"] or log.rows
    found = bad[0].found if bad else "nothing"
    expected = bad[0].expected if bad else "media files"
    where = bad[0].recording if bad else "media"
    return DataError(where, found, expected, "give a whole media file that FFmpeg can open")
