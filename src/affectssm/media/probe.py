"""What a media file says about itself, without decoding it.

All times are seconds on the file's own clock (:mod:`affectssm.media.zero`). Where the header does not know how long
a stream is, or knows it of an average only, the packets are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import av.error

from affectssm.errors import DataError
from affectssm.media.times import Packets, PacketTimes, packet_times
from affectssm.media.wav import WavView, wav_sound
from affectssm.media.zero import audio_streams, rates_of, time_zero, video_streams
from affectssm.store.faults import Action
from affectssm.store.files import check_regular

_NO_HEADER = {"aac", "ac3", "eac3", "dts"}


class MediaError(DataError):
    """A media file that cannot be used; the rest of its corpus can."""


class UnsafeFileError(MediaError):
    """A file that asks for more than data; nothing in it was run or expanded."""

    code = "unsafe_file"


class ShortFileError(MediaError):
    """A file that lasts less than what is to be done with it needs."""

    code = "signal_too_short"


class CutFileError(MediaError):
    """A file that ends before its header says."""

    code = "truncated_media"


@dataclass(frozen=True)
class MediaNote:
    """Something odd about a media file; becomes a row of the fault table (``code`` is one of its codes)."""

    code: str
    found: str
    expected: str
    action: Action


@dataclass(frozen=True)
class VideoInfo:
    """One video stream: nominal rate in Hz, pictures, seconds, size as it is stored, first time."""

    fps: float
    frames: int
    duration: float
    width: int
    height: int
    start: float


@dataclass(frozen=True)
class AudioInfo:
    """One audio stream: rate in Hz, samples a channel, seconds, first time."""

    rate: int
    samples: int
    duration: float
    channels: int
    start: float


@dataclass(frozen=True)
class MediaInfo:
    """The streams of a file; the first of a kind is the one that is read.

    Still pictures attached as covers do not count as video. Of streams that are not read, the header is believed.
    """

    video: tuple[VideoInfo, ...]
    audio: tuple[AudioInfo, ...]


def probe(path: Path | str) -> MediaInfo:
    """Read a media file's headers, and count the packets where these do not say how long a stream is.

    Raises:
        MediaError: if the file cannot be opened as media (absent, empty, cut before its index).
    """
    with opened(path) as container:
        zero = time_zero(container)
        video = [video_info(container, stream, zero) for stream in video_streams(container)]
        audio = [audio_info(container, stream, zero) for stream in audio_streams(container)]
        if video and not _header_knows(container, video_streams(container)[0], video[0]):
            video[0] = counted_video(video[0], read_packet_times(path), zero)
        if audio and not audio[0].samples:
            audio[0] = _counted_audio(audio[0], container, audio_streams(container)[0])
        return MediaInfo(tuple(video), tuple(audio))


@contextmanager
def opened(path: Path | str) -> Iterator[Any]:
    """Open a media file for reading and close it afterwards.

    Raises:
        MediaError: if it cannot be opened as media.
    """
    with ExitStack() as stack:
        try:
            check_regular(path)
            sound = wav_sound(path)
            view = stack.enter_context(WavView(sound)) if sound and not sound.readable else None
            container = av.open(view or str(path), metadata_errors="replace")
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(
                path,
                f"not readable as audio or video: {error.strerror or error}",
                "a whole media file that FFmpeg can open",
                "copy the file again from its source, or remove it to go on without it",
            ) from error
        stack.callback(container.close)
        _check_decodable(container, path)
        yield container


def _check_decodable(container: Any, path: Path | str) -> None:
    """Refuse a file of nothing but streams that FFmpeg has no decoder for: it does not even know their rate."""
    streams = (*container.streams.audio, *container.streams.video)
    if streams and all(stream.codec_context is None for stream in streams):
        raise MediaError(
            path,
            f"{streams[0].type} in a format that has no decoder",
            "sound and pictures that FFmpeg can decode",
            "convert the file, or copy it again if its header is damaged",
        )


def read_packet_times(path: Path | str) -> PacketTimes:
    """Read what the packets of a file's pictures say of times.

    Raises:
        MediaError: if the file cannot be opened, has no video stream, or gives no rate.
    """
    with opened(path) as container:
        streams = video_streams(container)
        if not streams:
            raise MediaError(
                path, "no video stream", "a file with pictures", "give the file that has the video"
            )
        return packet_times(container, streams[0], _rates(container, streams[0]), time_zero(container))


def declared_end(container: Any, stream: Any) -> float | None:
    """Return when the header says the stream ends, in container seconds, or None where it does not say."""
    if _is_guessed(container, stream):
        return None
    if stream.duration is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) + _cut_from_wav(
            container, stream
        )
    if container.duration is not None and len(container.streams) == 1:
        return ((container.start_time or 0) + container.duration) / av.time_base
    return None


def video_info(container: Any, stream: Any, zero: float) -> VideoInfo:
    """Describe a video stream of an open container, as its header does.

    Raises:
        MediaError: if it gives no rate.
    """
    rate = _rates(container, stream)[0]
    start, duration = _span(container, stream, zero)
    context, frames = stream.codec_context, stream.frames or round(duration * rate)
    return VideoInfo(rate, frames, duration, context.width, context.height, start)


def counted_video(info: VideoInfo, packets: PacketTimes, zero: float) -> VideoInfo:
    """Return the description of a video stream with what its packets say in place of its header."""
    start, end = packets.span
    return replace(info, fps=packets.rate, frames=packets.pictures, start=start - zero, duration=end - start)


def audio_info(container: Any, stream: Any, zero: float) -> AudioInfo:
    """Describe an audio stream of an open container, as its header does."""
    start, duration = _span(container, stream, zero)
    context = stream.codec_context
    samples = round(duration * context.sample_rate)
    return AudioInfo(context.sample_rate, samples, duration, context.channels, start)


def _rates(container: Any, stream: Any) -> list[float]:
    rates = rates_of(stream)
    if not rates:
        raise MediaError(
            container.name, "a video stream without a rate", "pictures with times", "remux the file"
        )
    return rates


def _header_knows(container: Any, stream: Any, info: VideoInfo) -> bool:
    """Whether the header has counted the pictures, and they come evenly as far as it can be seen."""
    return (
        0 < stream.frames == len(stream.index_entries)
        and stream.duration is not None
        and stream.average_rate == stream.guessed_rate
        and abs(info.frames / info.fps - info.duration) <= 1 / info.fps
        and info.start >= 0
    )


def _counted_audio(info: AudioInfo, container: Any, stream: Any) -> AudioInfo:
    """Return the description of an audio stream with its samples counted.

    Decoded: packets of bare streams say how long they are at the first one's rate, which may change midway.
    """
    duration = 0.0
    for packet in Packets(container, stream):
        with suppress(av.error.FFmpegError):
            duration += sum(frame.samples / frame.sample_rate for frame in packet.decode())
    return replace(info, duration=duration, samples=round(duration * info.rate))


def _cut_from_wav(container: Any, stream: Any) -> float:
    """Return the seconds a WAV file is shorter than its header says (FFmpeg goes by the file's size)."""
    rate = stream.codec_context.bit_rate
    if container.format.name != "wav" or not rate:
        return 0.0
    sound = wav_sound(container.name)
    return sound.missing * 8 / rate if sound is not None else 0.0


def _is_guessed(container: Any, stream: Any) -> bool:
    """Whether there is no header and FFmpeg guesses the length from the rate of bits.

    The tag of a VBR encoder in MP3 says how long it is, and that something comes before the first sample.
    """
    return container.format.name in _NO_HEADER or (container.format.name == "mp3" and not stream.start_time)


def _span(container: Any, stream: Any, zero: float) -> tuple[float, float]:
    """Return a stream's first time and its duration in seconds."""
    begin = float((stream.start_time or 0) * stream.time_base)
    end = declared_end(container, stream)
    if end is None and container.duration is not None and not _is_guessed(container, stream):
        end = ((container.start_time or 0) + container.duration) / av.time_base
    return begin - zero, max(0.0, end - begin) if end is not None else 0.0
