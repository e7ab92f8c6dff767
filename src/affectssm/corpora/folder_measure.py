"""What the files of own recordings hold: media by their headers, labels by their times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.corpora.folder_labels import LABEL_ACTIONS, expected_of, placement, read_series
from affectssm.corpora.folder_marks import read_marks
from affectssm.corpora.folder_nova import header_of
from affectssm.corpora.folder_people import Claim
from affectssm.corpora.manifest import StreamRow, is_test_split
from affectssm.corpora.measure_media import MediaMeasurer, probing
from affectssm.corpora.memory import current
from affectssm.corpora.people import Measured, Person, Source
from affectssm.corpora.readings import Reading
from affectssm.errors import DataError
from affectssm.settings.folder import LabelSettings
from affectssm.store.boundary import boundary
from affectssm.store.code import code_hash
from affectssm.store.faults import FaultLog
from affectssm.store.files import open_regular
from affectssm.vocabulary.kinds import ITEM_LABEL, TEXT

SLACK_S, SLACK_SHARE = 1.0, 0.02  # what a label's end may be off its media's
FASTEST = 1000.0  # labels a second: more are times in another unit
UNITS = "; corpora.folder.labels.unit says what times are in"
LITTLE = 0.5  # share of the media below which a label is told to be short
_BOXES = (b"ftypheic", b"ftypavif", b"ftypmif1")  # pictures in the container of MP4
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")


class StillError(DataError):
    """A still picture under the name of a video."""

    code = "still_picture"


@dataclass(frozen=True)
class Look:
    """What a file of labels holds: rows, Hz, when they begin and end (seconds), problems, whether any can be used."""

    frames: int
    rate: float
    start: float
    end: float
    usable: bool
    problems: list[tuple[str, str]]


def look_at_labels(path: Path, told: str, rate: float, tests: bool) -> Look:
    """Read labels and return what they hold; of those of tests the times alone.

    Args:
        path: the file.
        told: the settings of labels, as JSON.
        rate: that of the video, 0 without one.
        tests: whether they are of a test part.

    Raises:
        DataError: if they cannot be read.
    """
    settings = LabelSettings.model_validate(json.loads(told))
    if tests:
        found = placement(read_marks(path, settings), settings, rate)
        return Look(
            len(found.time), found.rate, *_span(found.time, found.rate), bool((found.index >= 0).any()), []
        )
    series = read_series(path, settings, rate)
    span = _span(series.time, series.rate)
    return Look(len(series.time), series.rate, *span, bool(series.valid.any()), series.problems)


def _span(time: np.ndarray, rate: float) -> tuple[float, float]:
    """Where the span of the first row begins and that of the last ends: times are their middles."""
    half = 0.5 / rate
    return (max(0.0, float(time[0]) - half), float(time[-1]) + half) if len(time) else (0.0, 0.0)


class Measurer:
    """Measures participants; every fault goes to the log with their names on it.

    Args:
        root: the corpus's.
        labels: how labels are written down.
        log: where the faults go.
    """

    def __init__(self, root: Path, labels: LabelSettings, log: FaultLog) -> None:
        self.root, self.labels, self.log = root, labels, log
        self._name = f"folder labels {code_hash('affectssm.corpora.folder_labels')}"

    def rows(self, claims: Sequence[Claim]) -> Iterator[StreamRow]:
        """Yield the rows of some participants, whose files are read ahead together."""
        current().ahead(
            reading for claim in claims for kind, entry in claim.files.items() if kind in ("video", "audio")
            for reading in (Reading(check_moving, self.root / entry.rel), probing(self.root / entry.rel))
        )  # fmt: skip
        held = [self._media(claim) for claim in claims]
        rates = [media["video"].rate if "video" in media else 0.0 for media in held]
        current().ahead(
            self._labelling(claim, rate)
            for claim, rate in zip(claims, rates, strict=True)
            if "annotation" in claim.files
        )
        for claim, media, rate in zip(claims, held, rates, strict=True):
            yield from self._rows(claim, media, rate)

    def _media(self, claim: Claim) -> dict[str, Measured]:
        sources: dict[str, Source] = {}
        for kind in ("video", "audio"):
            if kind not in claim.files:
                continue
            source = self._source(claim, kind)
            try:
                with boundary(source.path):
                    if kind == "video":
                        current().read(Reading(check_moving, source.path))
                    sources[kind] = source
            except DataError as error:
                self.log.about(*claim.key).caught(error, kind)
        log = FaultLog(self.log.corpus)
        person = Person(claim.split, *claim.key, sources)
        media = MediaMeasurer(person, log).media()
        # sound in a video is where it is expected
        self.log.rows += [fault for fault in log.rows if fault.code != "audio_from_video"]
        return media

    def _source(self, claim: Claim, kind: str) -> Source:
        entry = claim.files[kind]
        return Source(self.root / entry.rel, entry, "root")

    def _labelling(self, claim: Claim, rate: float) -> Reading:
        tests = is_test_split(claim.split)
        told = json.dumps(self.labels.of(claim.participant).model_dump(mode="json"), sort_keys=True)
        path = self.root / claim.files["annotation"].rel
        files = (path, header_of(path)) if path.name.endswith("~") else (path,)
        name = f"{self._name} {told} {rate!r} {tests}"
        return Reading(look_at_labels, path, (told, rate, tests), files, name)

    def _rows(self, claim: Claim, media: dict[str, Measured], rate: float) -> Iterator[StreamRow]:
        notes = self.log.about(*claim.key)
        found = dict(media)
        if not media and TEXT not in claim.files:
            notes.add(
                "no_raw_media", "", "no video and no sound that can be used", "one at least", "quarantined"
            )
            return
        seconds = max((one.duration_s for one in media.values()), default=0.0)
        if TEXT in claim.files:
            found[TEXT] = Measured(self._source(claim, TEXT), 0.0, 1, 0, seconds)
        if "annotation" in claim.files and (label := self._label(claim, seconds, rate)):
            found["annotation"] = label
        for kind, one in found.items():
            yield self._row(claim, kind, one)
        if claim.item is not None:
            source = Source(self.root / claim.item.rel, claim.item, "root")
            yield self._row(claim, ITEM_LABEL, Measured(source, 1.0, 1, len(self.labels.columns), 1.0))

    def _label(self, claim: Claim, seconds: float, rate: float) -> Measured | None:
        notes, expected = self.log.about(*claim.key), expected_of(self.labels)
        reading = self._labelling(claim, rate)
        try:
            with boundary(reading.path):
                look: Look = current().read(reading)
        except DataError as error:
            notes.caught(error, "annotation")
            return None
        for code, found in look.problems:
            notes.add(code, "annotation", found, expected, LABEL_ACTIONS[code])
        if not look.usable:
            if is_test_split(claim.split):
                notes.add("label_empty", "annotation", "no line with a time", expected, "quarantined")
            return None
        if look.rate > FASTEST:
            found, most = f"{look.rate:.6g} labels a second", f"{FASTEST:g} a second at most"
            notes.add("label_times_differ", "annotation", found, f"{most}{UNITS}", "quarantined")
            return None
        frames = look.frames
        if seconds:
            frames = self._within(claim, look, seconds)
        if not frames:
            return None
        end = look.start + frames / look.rate
        return Measured(
            self._source(claim, "annotation"), look.rate, frames, len(self.labels.columns), end, look.start
        )

    def _within(self, claim: Claim, look: Look, seconds: float) -> int:
        """Return how many rows of a label lie within the media, and report a label of other times."""
        notes = self.log.about(*claim.key)
        slack = SLACK_S + SLACK_SHARE * seconds
        found = f"labels from {look.start:.2f} to {look.end:.2f} s"
        expected = f"times within the {seconds:.2f} s of the media{self._unit(look, seconds)}"
        if look.start >= seconds:
            notes.add("label_times_differ", "annotation", found, expected, "quarantined")
            return 0
        inside = min(look.frames, max(1, round((seconds - look.start) * look.rate)))
        if look.end > seconds + slack:
            notes.add("label_times_differ", "annotation", found, expected, "truncated")
        elif look.end < LITTLE * seconds:
            notes.add("label_times_differ", "annotation", found, expected, "ignored")
        return inside

    def _unit(self, look: Look, seconds: float) -> str:
        """Say which unit would fit, where one would."""
        if self.labels.unit == "auto" and abs(look.end / 1000 - seconds) < 0.1 * seconds:
            return "; they fit as milliseconds: corpora.folder.labels.unit: ms"
        return ""

    def _row(self, claim: Claim, kind: str, one: Measured) -> StreamRow:
        entry = one.source.entry
        return StreamRow(
            self.log.corpus, claim.split, *claim.key, kind, entry.rel, "root", one.rate, one.frames, one.dim,
            one.duration_s, entry.size, "", claim.group or claim.recording, claim.language, "", one.start_s,
        )  # fmt: skip


def check_moving(path: Path) -> bool:
    """Refuse a still picture, which FFmpeg would take for a video of a frame.

    Raises:
        StillError: for a picture.
    """
    with open_regular(path) as file:
        head = file.read(16)
    if head.startswith(_PICTURES) or head[4:12] in _BOXES or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        raise StillError(path, "a still picture", "a video", "give the video, or leave it out")
    return True
