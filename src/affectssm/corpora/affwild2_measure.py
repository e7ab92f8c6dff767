"""What the files of a person of Aff-Wild2 hold: rates and lengths, and the rows of the manifest made of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from affectssm.corpora import valence_arousal
from affectssm.corpora.affwild2_people import Person
from affectssm.corpora.listing import Entry
from affectssm.corpora.manifest import StreamRow
from affectssm.corpora.measure_media import MediaMeasurer, probing
from affectssm.corpora.memory import current
from affectssm.corpora.people import Measured, Source
from affectssm.corpora.people import Person as Filmed
from affectssm.corpora.pictures import Pictures, read_pictures
from affectssm.corpora.progress import Progress
from affectssm.corpora.readings import Reading
from affectssm.corpora.valence_arousal import COLUMNS, read_valence_arousal
from affectssm.errors import DataError
from affectssm.settings.corpora import AffWild2Settings
from affectssm.store.boundary import boundary
from affectssm.store.faults import Action, FaultLog
from affectssm.vocabulary.kinds import CROPS, FRAME_LIST

USUAL_HZ = 30.0
FEW = 5  # rows that annotation and video may differ by: the owner counts frames with OpenCV, and one more
MANY = 100  # rows without a picture at the end that are told where no video says how long it is
_HINT = re.compile(r"\d+-(?P<rate>\d{1,3})-\d+x\d+.*")


def _look_at_label(path: Path) -> tuple[int, list[tuple[str, str]], bool]:
    """Rows of an annotation, what is odd about it, and whether any of it is valid."""
    found = read_valence_arousal(path)
    return len(found.value), found.problems, bool(found.valid.any())


@dataclass
class Lengths:
    """What is told once for the corpus: annotations a few rows longer or shorter, people whose rate is guessed."""

    off: Counter[int] = field(default_factory=Counter)
    by_name: list[str] = field(default_factory=list)
    usual: list[str] = field(default_factory=list)


class Finder:
    """Makes rows of people; what is wrong goes to the log.

    Args:
        root: the corpus.
        settings: of the corpus.
        log: where the faults go.
    """

    def __init__(self, root: Path, settings: AffWild2Settings, log: FaultLog) -> None:
        self.root, self.settings, self.log = root, settings, log
        self.lengths = Lengths()
        self._probed: dict[str, dict[str, Measured]] = {}

    def read_ahead(self, people: Iterable[Person]) -> None:
        """Read the videos and annotations of some people, several at a time."""
        videos = dict.fromkeys(person.video.rel for person in people if person.video is not None)
        labels = [person.annotation.rel for person in people if person.annotation is not None]
        readings = [probing(self.root / rel) for rel in videos]
        readings += [Reading(_look_at_label, self.root / rel) for rel in labels]
        said = Progress(self.log.corpus, "videos and annotations looked at", len(readings)).said
        current().ahead(readings, said)

    def rows(self, person: Person) -> list[StreamRow]:
        """Return a person's rows; none, and a fault, where nothing of it can be used."""
        try:
            with boundary(f"{person.recording}/{person.name}"):
                return self._rows(person)
        except DataError as error:
            self._fault(
                person, "", error.code or "unreadable_file", error.found, error.expected, "quarantined"
            )
            return []

    def _rows(self, person: Person) -> list[StreamRow]:
        labelled = self._label(person) if person.annotation else None
        held = person.crops is not None or person.video is not None
        pictures = self._pictures(person) if held else None
        media = self._media(person) if held else {}
        if person.split != "test" and labelled is None:
            return []
        if pictures is None and "video" not in media:
            self._fault(
                person, "", "listed_without_files", "no video and no pictures that can be used", "one of them",
                "quarantined",
            )  # fmt: skip
            return []
        video = media.get("video")
        rate = video.rate if video else self._guessed(person)
        last = int(pictures.numbers[-1]) if pictures else 0
        frames = labelled or self._listed(person, video.frames if video else last)
        if labelled is not None:
            self._compare(person, labelled, video.frames if video else 0, last)
        if pictures is not None:
            self._note_gaps(person, pictures, min(frames, video.frames) if video else frames)
        rows = [self._media_row(person, held, kind) for kind, held in media.items()]
        if pictures is not None:
            row = self._row(person, CROPS, person.crops, rate, frames)
            checksum = pictures.checksums[self.settings.checksum]
            rows.append(replace(row, bytes=pictures.size, checksum=checksum))
        if labelled is not None:
            row = self._row(person, "annotation", person.annotation, rate, frames)
            rows.append(replace(row, dim=len(COLUMNS)))
        if person.template is not None:
            rows.append(self._row(person, FRAME_LIST, person.template, rate, person.listed))
        return rows

    def _row(self, person: Person, kind: str, entry: Entry | None, rate: float, frames: int) -> StreamRow:
        assert entry is not None
        return StreamRow(
            corpus=self.log.corpus,
            split=person.split,
            recording=person.recording,
            participant=person.name,
            kind=kind,
            path=entry.rel,
            base="root",
            rate=rate,
            frames=frames,
            dim=0,
            duration_s=frames / rate,
            bytes=entry.size,
            checksum="",
            fold_group=person.recording,
            language="",
            shard="",
        )

    def _media_row(self, person: Person, held: Measured, kind: str) -> StreamRow:
        row = self._row(person, kind, held.source.entry, held.rate, held.frames)
        return replace(row, dim=held.dim, duration_s=held.duration_s)

    def _label(self, person: Person) -> int | None:
        """Return how many frames are annotated; None, and a fault, where the file cannot be used."""
        assert person.annotation is not None
        path = self.root / person.annotation.rel
        try:
            with boundary(path):
                rows, problems, usable = current().read(Reading(_look_at_label, path))
        except DataError as error:
            code = error.code or "unreadable_file"
            self._fault(person, "annotation", code, error.found, error.expected, "quarantined")
            return None
        for code, problem in problems:
            expected = f"{','.join(COLUMNS)} and two numbers in [-1, 1] a line"
            self._fault(person, "annotation", code, problem, expected, valence_arousal.ACTIONS[code])
        return rows if usable else None

    def _pictures(self, person: Person) -> Pictures | None:
        if person.crops is None:
            if "crops" not in self.settings.lacks:
                self._fault(person, CROPS, "missing_stream", "no folder", "a folder of pictures", "ignored")
            return None
        folder = self.root / person.crops.rel
        try:
            with boundary(folder):
                found = read_pictures(folder)
        except DataError as error:
            code = error.code or "unreadable_file"
            self._fault(person, CROPS, code, error.found, error.expected, "quarantined")
            return None
        for name, reason in found.unusable:
            self._fault(
                person, f"{person.crops.rel}/{name}", "unreadable_file", reason, "a picture", "ignored"
            )
        if found.others:
            text = f"{len(found.others)} files, the first is {ascii(found.others[0])[1:-1]}"
            self._fault(person, CROPS, "stray_file", text, "pictures 00001.jpg and so on", "ignored")
        if not len(found.numbers):
            self._fault(
                person,
                CROPS,
                "no_pictures",
                "a folder without pictures",
                "00001.jpg and so on",
                "quarantined",
            )
            return None
        return found

    def _media(self, person: Person) -> dict[str, Measured]:
        """Return what the video holds, by kind; a video that two people share is looked at once."""
        if person.video is None:
            if "videos" not in self.settings.lacks:
                self._fault(person, "video", "no_raw_media", "no file", "the video of this name", "ignored")
            return {}
        entry = person.video
        if entry.rel not in self._probed:
            source = Source(self.root / entry.rel, entry, "root")
            filmed = Filmed(person.split, person.recording, "", {"video": source})
            log = FaultLog(self.log.corpus)
            self._probed[entry.rel] = MediaMeasurer(filmed, log).media()
            # videos are where sound is expected here
            self.log.rows += [fault for fault in log.rows if fault.code != "audio_from_video"]
        return self._probed[entry.rel]

    def _guessed(self, person: Person) -> float:
        match = _HINT.fullmatch(person.name)
        hint = float(match["rate"]) if match else 0.0
        (self.lengths.by_name if hint else self.lengths.usual).append(person.name)
        return hint or USUAL_HZ

    def _listed(self, person: Person, frames: int) -> int:
        """Return the frames of a person without labels: those there are, and the few more that are listed."""
        if person.furthest > frames + FEW:
            found, expected = f"frames up to {person.furthest} are listed", f"{frames} frames"
            self._fault(person, FRAME_LIST, "test_list_differs", found, expected, "truncated")
        return max(frames, min(person.furthest, frames + FEW))

    def _compare(self, person: Person, rows: int, frames: int, last: int) -> None:
        """Report an annotation that ends elsewhere than the video or the pictures do; the common part counts."""
        off = rows - frames if frames else min(rows - last, 0)
        if abs(off) > FEW or last > rows + FEW or (not frames and rows - last > MANY):
            others = [f"{frames} frames of the video"] if frames else []
            others += [f"pictures up to {last}"] if last else []
            self._fault(
                person, "annotation", "label_rows_differ", f"{rows} rows", ", ".join(others), "truncated"
            )
        elif off:
            self.lengths.off[off] += 1

    def _note_gaps(self, person: Person, pictures: Pictures, frames: int) -> None:
        missing, runs, longest = pictures.gaps(frames)
        if missing:
            self._fault(
                person, CROPS, "picture_gaps",
                f"{missing} of {frames} frames without a picture, in {runs} runs, the longest of {longest}",
                "a picture of every frame; these frames are marked", "masked",
            )  # fmt: skip

    def _fault(
        self, person: Person, stream: str, code: str, found: str, expected: str, action: Action
    ) -> None:
        self.log.add(
            code,
            recording=person.recording,
            participant=person.name,
            stream=stream,
            found=found,
            expected=expected,
            action=action,
        )
