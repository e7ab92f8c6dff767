"""One recording of files that were handed over: what its files hold, as rows of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from affectssm.corpora.channels import LEADS, electrodes
from affectssm.corpora.handed_signals import subject_in, unit_is_decided
from affectssm.corpora.listing import Entry
from affectssm.corpora.manifest import StreamRow
from affectssm.corpora.measure_media import MediaMeasurer
from affectssm.corpora.people import Measured, Person, Source
from affectssm.errors import ConfigError, DataError
from affectssm.media.edf import SignalFile
from affectssm.media.probe import MediaError
from affectssm.serving.files import GivenFile, look_at, look_at_sound, look_at_text
from affectssm.store.boundary import boundary
from affectssm.store.faults import FaultLog

ROOT = Path("/")
SHARD, SPLIT = "s00", "all"


class Recording:
    """The files of a recording.

    Args:
        name: its id.
        corpus: the name that its rows bear.
        language: of its transcripts.
        log: takes what is wrong.

    Attributes:
        rows: (number of the file, row), as yet without a participant.
        people: of each file, the names of its people.
    """

    def __init__(self, name: str, corpus: str, language: str, log: FaultLog) -> None:
        self.name, self.corpus, self.language, self.log = name, corpus, language, log
        self.rows: list[tuple[int, StreamRow]] = []
        self.people: list[list[str]] = []

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self.people)

    def row(self, at: int, kind: str) -> StreamRow | None:
        """Return the row of a kind of a file."""
        return next((row for own, row in self.rows if own == at and row.kind == kind), None)

    def rename(self, path: Path) -> None:
        """Say that the recording is not called as its file is."""
        self.log.add(
            "recording_renamed", recording=self.name, found=f"the file {path.name!a}",
            expected="a name of its own that can be an id", action="decided",
        )  # fmt: skip

    def measure(self, media: Sequence[Path], audio: Sequence[Path], transcripts: Sequence[Path]) -> None:
        """Look at the files; what cannot be used becomes faults.

        Args:
            media: a file of each person, or of several in one picture.
            audio, transcripts: in the order of these, where they have one.

        Raises:
            ConfigError: for signals of no corpus whose channels are known.
        """
        for at, path in enumerate(media):
            self.people.append([f"p{at + 1}"])
            sources: dict[str, Source] = {}
            file = self._looked_at(path, at)
            if file is not None and file.kind == "signals":
                self._signals(at, file.path)
            elif file is not None:
                sources[file.kind] = source_of(file.path)
            sound = self._looked_at(audio[at], at, look_at_sound) if at < len(audio) else None
            if sound is not None:
                sources["audio"] = source_of(sound.path)
            seconds = self._media(at, sources)
            if at < len(transcripts):
                self._transcript(at, transcripts[at], seconds)

    def of_people(self) -> list[StreamRow]:
        """Return the rows of everybody; that a sound counts as each one's is said."""
        made = []
        for at, row in self.rows:
            names = [row.participant] if row.participant else self.people[at]
            made += [replace(row, participant=name) for name in names]
            if row.kind == "audio" and len(names) > 1:
                notes = self.log.about(self.name)
                found = f"one sound track of {len(names)} people"
                notes.add("shared_sound", "audio", found, "a sound track of each", "decided")
        return sorted(made, key=lambda row: (row.participant, row.kind))

    def _looked_at(
        self, path: Path, at: int, look: Callable[[Path], GivenFile] = look_at
    ) -> GivenFile | None:
        try:
            with boundary(path):
                return look(path)
        except DataError as error:
            notes = self.log.about(self.name, f"p{at + 1}")
            found = f"{path.name}: {error.found}"
            notes.add(error.code or "unreadable_media", "", found, error.expected, "quarantined")
            return None

    def _media(self, at: int, sources: dict[str, Source]) -> float:
        """Add the rows of a video and its sound; return how long they last, in seconds."""
        if not sources:
            return 0.0
        own = FaultLog(self.corpus)
        measured = MediaMeasurer(Person(SPLIT, self.name, f"p{at + 1}", sources), own).media()
        # videos are where sound is expected here
        self.log.rows += [fault for fault in own.rows if fault.code != "audio_from_video"]
        if "video" in measured and "audio" not in measured and "audio" not in sources:
            notes = self.log.about(self.name, f"p{at + 1}")
            notes.add("no_audio_stream", "audio", "a video without sound", "sound", "ignored")
        self.rows += [(at, self._row(kind, held)) for kind, held in measured.items()]
        return max((held.duration_s for held in measured.values()), default=0.0)

    def _row(self, kind: str, held: Measured) -> StreamRow:
        entry = held.source.entry
        return StreamRow(
            self.corpus, SPLIT, self.name, "", kind, entry.rel, "root", held.rate, held.frames, held.dim,
            held.duration_s, entry.size, "", self.name, "", SHARD,
        )  # fmt: skip

    def _transcript(self, at: int, path: Path, seconds: float) -> None:
        file = self._looked_at(path, at, look_at_text)
        if file is None:
            return
        source = source_of(file.path)
        row = self._row("text", Measured(source, 1.0, 1, 0, seconds))
        self.rows.append((at, replace(row, language=self.language)))

    def _signals(self, at: int, path: Path) -> None:
        """Add the modalities of a recording of signals of which all channels are there."""
        if self.corpus not in LEADS:
            raise ConfigError(
                str(path), f"signals, of {self.corpus}", f"the channels of {' or '.join(LEADS)}",
                "say whose channels are meant (--channels)",
            )  # fmt: skip
        subject = subject_in(path.stem, self.corpus)
        notes = self.log.about(self.name, subject)
        self.people[at] = [subject]
        try:
            with boundary(path):
                file = SignalFile(path)
        except DataError as error:
            notes.caught(error)
            return
        for kind, leads in LEADS[self.corpus].items():
            try:
                with boundary(path):
                    rate = _one_rate(file, electrodes(leads))
            except DataError as error:
                notes.add("channel_missing", kind, error.found, error.expected, "quarantined")
                continue
            frames = round(file.duration_s * rate)
            held = Measured(source_of(path), rate, frames, len(leads), file.duration_s)
            self.rows.append((at, replace(self._row(kind, held), participant=subject, fold_group=subject)))
            if unit_is_decided(kind, self.corpus, subject):
                notes.add(
                    "unit_decided", kind, "GSR of no subject of the corpus", "Ohm, as in Geneva", "decided"
                )


def _one_rate(file: SignalFile, labels: Sequence[str]) -> float:
    """Return the rate of channels by label.

    Raises:
        MediaError: where one is missing or twice there, or they have several rates.
    """
    rates = sorted({channel.rate for channel in file.find(labels)})
    if len(rates) > 1:
        raise MediaError(
            file.path,
            f"channels at {', '.join(f'{rate:g}' for rate in rates)} Hz",
            "one rate",
            "resample the file",
        )
    return rates[0]


def source_of(path: Path) -> Source:
    """Return an absolute path as a source below :data:`ROOT`."""
    stat = path.stat()
    return Source(path, Entry(path.parts[1:], stat.st_size, stat.st_mtime_ns), "root")
