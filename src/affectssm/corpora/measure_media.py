"""What a participant's media files hold, by their headers; what cannot be used becomes faults."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectssm.corpora.memory import current
from affectssm.corpora.people import Measured, Person
from affectssm.corpora.readings import Reading
from affectssm.errors import DataError
from affectssm.store.boundary import boundary

if TYPE_CHECKING:
    from affectssm.media.probe import MediaInfo
    from affectssm.store.faults import Action, FaultLog

SHORT_S = 60  # a file may say that much for a few bytes
FASTEST_HZ = 1e6


class MediaMeasurer:
    """Measures the video and the sound of a participant; every fault goes to the log with its name on it.

    Args:
        person: the participant.
        log: where the faults go.
    """

    def __init__(self, person: Person, log: FaultLog) -> None:
        self.person, self.notes = person, log.about(person.recording, person.participant)

    def media(self) -> dict[str, Measured]:
        """Return what a video and a sound file hold, by kind; the sound is the video's where it has no file."""
        return {kind: held for kind, held in self._media().items() if self._believable(kind, held)}

    def _read(self, kind: str, code: str, reading: Reading, action: Action) -> Any:
        """Return what a reader makes of a source's file; None, and a fault, where it cannot be read."""
        try:
            with boundary(reading.path):
                return current().read(reading)
        except DataError as error:
            self.notes.add(error.code or code, kind, error.found, error.expected, action)
            return None

    def _media(self) -> dict[str, Measured]:
        found: dict[str, Measured] = {}
        sources = self.person.sources
        probed = {kind: self._probe(kind) for kind in ("video", "audio") if kind in sources}
        video, audio = probed.get("video"), probed.get("audio")
        if video is not None and video.video:
            info = video.video[0]
            if info.frames:
                end = info.start + info.duration
                found["video"] = Measured(sources["video"], info.fps, info.frames, 0, end, info.start)
            else:
                self.notes.add("empty_media", "video", "no picture", "one at least", "quarantined")
        elif video is not None:
            self.notes.add(
                "no_video_stream", "video", "no pictures that can be read", "a video stream", "quarantined"
            )
        borrowed = audio is None and "audio" not in sources and video is not None and bool(video.audio)
        sound = video if borrowed else audio
        if sound is not None and sound.audio:
            source, track = sources["video" if borrowed else "audio"], sound.audio[0]
            if track.samples:
                end, rate = track.start + track.duration, float(track.rate)
                found["audio"] = Measured(source, rate, track.samples, track.channels, end, track.start)
            else:
                self.notes.add("empty_media", "audio", "no sample", "one at least", "quarantined")
        elif sound is not None:
            self.notes.add(
                "no_audio_stream", "audio", "no sound that can be read", "an audio stream", "quarantined"
            )
        if borrowed:
            self.notes.add("audio_from_video", "audio", "no wav", "a wav, or sound in the video", "decided")
        return found

    def _believable(self, kind: str, held: Measured) -> bool:
        """Whether a file can hold what its header says: no codec goes below a byte a second."""
        size = held.source.entry.size
        seconds = max(float(SHORT_S), size)
        if held.duration_s <= seconds and 0 < held.rate <= FASTEST_HZ and held.frames <= seconds * held.rate:
            return True
        found = f"{held.duration_s:g} s at {held.rate:g} Hz, {held.frames:g} in all, in {size} bytes"
        self.notes.add("unreadable_media", kind, found, "no more seconds than bytes", "quarantined")
        return False

    def _probe(self, kind: str) -> MediaInfo | None:
        found: MediaInfo | None = self._read(
            kind, "unreadable_media", probing(self.person.sources[kind].path), "quarantined"
        )
        return found


def probing(path: Path) -> Reading:
    """Return what is to be read of a media file."""
    from affectssm.media.probe import probe

    return Reading(probe, path)
