"""Media files that somebody hands over, as a manifest: what each holds, who is in it, and what is wrong with it.

``given`` writes into its folder ``manifest.parquet`` (rows as of a corpus, all of the shard ``s00``; paths are below
:data:`ROOT`), ``faults.parquet`` and ``people.csv``.

A recording is a file of ``paths``; its participants are ``p1``, ``p2``, ...: the people of that file, then those of the
partners' files. The sound of a file is each of its people's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from affectssm.corpora.checksums import with_checksums
from affectssm.corpora.manifest import write_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.serving.files import check_once, names_of
from affectssm.serving.recording import ROOT, SHARD, Recording
from affectssm.store.card import make_card
from affectssm.store.faults import FaultLog

__all__ = ["GIVEN", "PEOPLE", "ROOT", "SHARD", "People", "given"]

GIVEN = "given"
People = Literal["one", "largest", "all"]
PEOPLE: tuple[People, ...] = ("one", "largest", "all")
_MODULES = ("affectssm.corpora.measure_media", "affectssm.corpora.manifest", "affectssm.corpora.checksums")


@dataclass(frozen=True)
class _Asked:
    """The files of one recording, its own and those of partners; sounds and texts in the order of these."""

    name: str
    media: list[Path]
    audio: list[Path] = field(default_factory=list)
    transcripts: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Extras:
    """Files that belong to media, in the order of these.

    Attributes:
        audio: sound files in place of the videos' own sound.
        transcripts: text files of what is said.
        language: of the transcripts, ``english`` or ``chinese``.
    """

    audio: Sequence[Path] = ()
    transcripts: Sequence[Path] = ()
    language: str = "english"


NO_EXTRAS = Extras()


def given(
    paths: Sequence[Path],
    partners: Sequence[Path],
    people: People,
    work: Path,
    extras: Extras = NO_EXTRAS,
    *,
    corpus: str = GIVEN,
    faces: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Check media files and write what they hold.

    Args:
        paths: videos, sound files, or BDF and EDF files: a recording each.
        partners: of other people in the one recording of ``paths``.
        people: who of those in a video is meant: ``one``, whom a face track follows (who is seen first, unless another
            is seen three times as long); ``largest``, whose face covers most of all pictures together; ``all``,
            everybody who is seen for a second at least, in the order in which they appear.
        work: the folder for the manifest and what is computed; that of an earlier call goes on.
        extras: what else was handed over, in the order of ``paths``, then ``partners``.
        corpus: the name that rows bear; of signals it decides which channels are wanted.
        faces: settings of the feature ``face_track``, where several people are told apart; the paper's where None.
        progress: told before each recording whose people are told apart.

    Returns:
        ``manifest.parquet``.

    Raises:
        ConfigError: for files that do not belong together, or are given twice.
        DataError: if no file can be used.
    """
    asked = _asked(paths, partners, people, extras)
    log = FaultLog(corpus)
    recordings = [Recording(one.name, corpus, extras.language, log) for one in asked]
    for one, recording in zip(asked, recordings, strict=True):
        if one.name != one.media[0].stem:
            recording.rename(one.media[0])
        recording.measure(one.media, one.audio, one.transcripts)
    _checksums(recordings, log)
    if not any(recording.rows for recording in recordings):
        raise _nothing(log, asked[0].media[0])
    lines = _people(recordings, people, work, faces, progress)
    rows = [row for recording in recordings for row in recording.of_people()]
    card = make_card("given", _MODULES, {"people": people}, files=[row.checksum for row in rows])
    from affectssm.serving.people_tracks import write_people

    write_people(work / "people.csv", lines)
    log.write(work / "faults.parquet", card)
    write_manifest(work / "manifest.parquet", rows, card)
    return work / "manifest.parquet"


def _asked(paths: Sequence[Path], partners: Sequence[Path], people: str, extras: Extras) -> list[_Asked]:
    """Return the files by recording.

    Raises:
        ConfigError: where they do not belong together.
    """
    if people not in PEOPLE:
        raise ConfigError("people", repr(people), f"one of {', '.join(PEOPLE)}", "name one of these")
    if not paths:
        raise ConfigError("media", "no file", "a media file at least", "name one")
    if partners and len(paths) > 1:
        raise ConfigError(
            str(partners[0]), f"a partner of {len(paths)} recordings", "partners of one recording",
            "answer for one recording at a time",
        )  # fmt: skip
    most, audio, texts = len(paths) + len(partners), extras.audio, extras.transcripts
    for what, files in (("sound files", audio), ("transcripts", texts)):
        if len(files) > most:
            found = f"{len(files)} {what} for {most} media files"
            raise ConfigError(str(files[most]), found, "one for each at most", "leave some out")
        if absent := [path for path in files if not path.exists()]:  # who names it means it
            raise ConfigError(str(absent[0]), "no such file", f"one of the {what}", "mend its name")
    check_once([*paths, *partners])
    if len(paths) == 1:
        return [_Asked(names_of(paths)[0], [*paths, *partners], list(audio), list(texts))]
    return [
        _Asked(name, [path], list(audio[at : at + 1]), list(texts[at : at + 1]))
        for at, (path, name) in enumerate(zip(paths, names_of(paths), strict=True))
    ]


def _checksums(recordings: Sequence[Recording], log: FaultLog) -> None:
    """Give the rows of all recordings their checksums; those of files that cannot be read are left out."""
    for recording in recordings:
        recording.rows = [
            (at, made)
            for at, row in recording.rows
            for made in with_checksums([row], {"root": ROOT}, "sha256", log)
        ]


def _people(
    recordings: Sequence[Recording],
    people: People,
    work: Path,
    faces: Mapping[str, Any] | None,
    progress: Callable[[str, int, int], None] | None,
) -> list[dict[str, Any]]:
    """Name the people of every file; return the lines of people.csv."""
    from affectssm.serving.people_tracks import COLUMNS, Videos, watch

    watched = {}
    if people != "one":
        videos = [Videos(one.name, [one.row(at, "video") for at in range(one.files)]) for one in recordings]
        watched = watch(videos, people, faces or _paper_faces(), ROOT, work, progress)
    lines: list[dict[str, Any]] = []
    for one in recordings:
        if one.name in watched:
            one.people = [
                [line["participant"] for line in own if line["participant"]] for own in watched[one.name]
            ]
            lines += [line for own in watched[one.name] for line in own]
            continue
        blank = dict.fromkeys(COLUMNS, "") | {"recording": one.name}
        for at, names in enumerate(one.people):
            video = one.row(at, "video")
            lines += [
                {**blank, "participant": name, "video": f"/{video.path}" if video else ""} for name in names
            ]
    return lines


def _paper_faces() -> dict[str, Any]:
    from affectssm.settings.base import at_scale
    from affectssm.settings.features import SCALES, Features, settings_of

    return settings_of("face_track", at_scale(Features, SCALES["paper"]))


def _nothing(log: FaultLog, path: Path) -> DataError:
    """Return the error of files of which none can be used: what is wrong with the first."""
    bad = [fault for fault in log.rows if fault.action == "quarantined"]
    if not bad:
        return DataError(path, "nothing that can be used", "a media file", "give a video or a sound file")
    more = "" if len(bad) == 1 else f"; and {len(bad) - 1} more faults"
    channels = any(fault.code == "channel_missing" for fault in bad)
    remedy = (
        "a recording whose channels have the recorder's names"
        if channels
        else "a whole file that can be read"
    )
    return DataError(path, bad[0].found + more, bad[0].expected, f"give {remedy}")
