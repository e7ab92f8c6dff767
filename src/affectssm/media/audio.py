"""Sound as mono float32 blocks on the file's own clock.

Sample n of the output is the sound at n / rate seconds of the file's clock (see
:mod:`affectssm.media.probe`): a track that starts late begins with silence, a hole in the middle is filled
with silence, what lies before zero (a codec's priming) is dropped. Channels are averaged, but for those that are
silent throughout or cancel others (:mod:`affectssm.media.channels`). A track may change its rate and its channels
midway; each stretch is resampled by itself. Blocks are yielded as they are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.media.channels import Mix, Survey
from affectssm.media.probe import MediaError, MediaNote, declared_end, opened
from affectssm.media.sound_clock import SoundClock
from affectssm.media.video import Decoder
from affectssm.media.wav import wav_sound
from affectssm.media.zero import audio_streams, time_zero
from affectssm.store.files import open_regular

RATE = 16000
BLOCK_S = 10.0
_SLACK_S = 0.25
_SCALES = {"u8": 128.0, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}
# streams of frames without times or a length: FFmpeg makes up both from the first frame's rates
_BARE = frozenset({"aac", "ac3", "amr", "dts", "eac3", "loas", "mp3", "truehd"})
# a length that was not written by whoever made the file, or in MP3 only where one of these stands in its beginning
_NO_LENGTH, _MP3_LENGTH = _BARE - {"mp3"} | {"mpegts", "mpeg"}, (b"Xing", b"Info", b"VBRI")
# containers of which FFmpeg reads as much as their header says, and no more
_BOUNDED = frozenset({"aiff", "caf", "w64"})


@dataclass(frozen=True)
class AudioBlock:
    """Successive samples: ``samples`` (N,) float32; ``start`` is the number of the first of them."""

    samples: np.ndarray
    start: int


class AudioReader:
    """Iterates over the sound of a file's first audio stream.

    Args:
        path: the media file.
        rate: samples a second to resample to.
        block_s: seconds a block (the last one is shorter).

    After the iteration ``notes`` says what was odd: several streams, an early end, holes, another length than the
    header says, channels that were left out, rates that change.

    A file with several channels is decoded once more, before its first block, to see which of them can be averaged.

    Raises:
        MediaError: while iterating, if the file cannot be opened or has no audio stream.
    """

    def __init__(self, path: Path | str, *, rate: int = RATE, block_s: float = BLOCK_S) -> None:
        self.path, self.rate, self.block = Path(path), rate, max(1, round(rate * block_s))
        self.notes: list[MediaNote] = []
        self._mixes: dict[str, Mix] = {}

    def __iter__(self) -> Iterator[AudioBlock]:
        self.notes = []
        with opened(self.path) as container:
            stream = self._stream(container)
            if (streams := len(audio_streams(container))) > 1:
                found = f"{streams} audio streams"
                taken = f"one; the first ({stream.codec_context.name}, {stream.rate} Hz) was taken"
                self.notes.append(MediaNote("several_streams", found, taken, "decided"))
            yield from _blocks(self._pieces(container, stream), self.block)

    def _stream(self, container: Any) -> Any:
        streams = audio_streams(container)
        if not streams:
            raise MediaError(
                self.path, "no audio stream", "a file with sound", "give the file that has the sound"
            )
        return streams[0]

    def _pieces(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        """Yield mono pieces at the wanted rate, without a gap, from the clock's zero on."""
        zero, bare = time_zero(container), container.format.name in _BARE
        decoder = Decoder(container, stream)
        track = SoundClock(self.rate)
        layouts: list[str] = []
        for frame in decoder:
            data, layout = _channels(frame, self.path), frame.layout.name
            if layout not in layouts:
                layouts.append(layout)
            known = frame.pts is not None and not (bare and len(track.changes) > 1)
            at = float(frame.pts * frame.time_base) - zero if known else None
            kept = self._mix(layout).kept if len(data) > 1 else (0,)
            yield from track.put(data[list(kept)].mean(0), frame.sample_rate, layout, at)
        yield from track.finish()
        for layout in layouts:
            self.notes.extend(self._mixes[layout].notes if layout in self._mixes else ())
        self._look_back(container, stream, track, decoder)

    def _mix(self, layout: str) -> Mix:
        """Return which channels of a layout are averaged; the same at every iteration and throughout the file."""
        if layout not in self._mixes:
            surveys: dict[str, Survey] = {}
            with opened(self.path) as container:
                for frame in Decoder(container, self._stream(container)):
                    data = _channels(frame, self.path)
                    if len(data) > 1:
                        survey = surveys.setdefault(frame.layout.name, Survey(len(data)))
                        survey.add(data, frame.sample_rate)
            self._mixes = {name: survey.mix() for name, survey in surveys.items()}
        return self._mixes[layout]

    def _look_back(self, container: Any, stream: Any, track: SoundClock, decoder: Decoder) -> None:
        """Compare what was read with what the header says."""
        self.notes.extend(track.notes())
        sound = wav_sound(self.path)
        declared = self._declared(container, stream, len(track.changes) > 1)
        end = time_zero(container) + track.seconds
        left = container.size - decoder.read_to if container.format.name in _BOUNDED else 0
        if sound is not None and sound.differs:
            found = f"{sound.found()} ({track.seconds:.2f} s) are there"
            self.notes.append(MediaNote("sound_length", found, "a header that says so", "decided"))
        elif declared is not None and end > declared + _SLACK_S:
            found, expected = f"sound until {end:.2f} s", f"until {declared:.2f} s, as the header says"
            self.notes.append(MediaNote("sound_length", found, expected, "decided"))
        elif left > 0.1 * decoder.read_to:
            found = f"{left} bytes after the {track.seconds:.2f} s of sound that the header counts"
            self.notes.append(MediaNote("sound_length", found, "sound to the end of the file", "truncated"))
        if decoder.damaged or (declared is not None and end < declared - _SLACK_S):
            found = f"sound until {end:.2f} s, {decoder.damaged} packets that cannot be decoded"
            expected = f"sound until {declared:.2f} s" if declared is not None else "whole packets"
            self.notes.append(MediaNote("truncated_media", found, expected, "truncated"))

    def _declared(self, container: Any, stream: Any, changes: bool) -> float | None:
        """Return when the header says the sound ends, or None where FFmpeg only estimates it."""
        name = container.format.name
        if name in _NO_LENGTH or (name in _BARE and changes):
            return None
        if name == "mp3":
            with open_regular(self.path) as file:
                head = file.read(1 << 16)
            if not any(mark in head for mark in _MP3_LENGTH):
                return None
        return declared_end(container, stream)


def _channels(frame: Any, path: Path) -> np.ndarray:
    """Return a frame's channels, (C, N) float64 with full scale 1."""
    raw, name, channels = frame.to_ndarray(), frame.format.name.removesuffix("p"), frame.layout.nb_channels
    data = raw if frame.format.is_planar else raw.reshape(-1, channels).T
    wave = data.astype(np.float64)
    if name in _SCALES:
        wave = (wave - (128.0 if name == "u8" else 0.0)) / _SCALES[name]
    if not np.isfinite(wave).all():
        raise MediaError(
            path, "samples that are not finite", "finite sound", "convert the file again from its source"
        )
    return wave


def _blocks(pieces: Iterator[np.ndarray], size: int) -> Iterator[AudioBlock]:
    """Regroup pieces into blocks of ``size`` samples."""
    held: list[np.ndarray] = []
    count = start = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        while count >= size:
            joined = np.concatenate(held)
            yield AudioBlock(joined[:size], start)
            held, count, start = [joined[size:]], count - size, start + size
    if count:
        yield AudioBlock(np.concatenate(held), start)
