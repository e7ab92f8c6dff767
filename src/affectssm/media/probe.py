"""What a media file says about itself, without decoding it.

All times are seconds on the file's own clock. Its zero is the zero of the time line that MP4 and Matroska
write down, so that a stream that starts late keeps its delay even where it is the only one; other containers
(MPEG-TS counts from an arbitrary number) begin at their earliest stream. What an encoder of sound puts before
the first sample comes before the zero, also where the container does not mark it.

Where the header does not know how long a stream is, or knows it of an average only, the packets are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import av
import av.error

from affectssm.errors import DataError
from affectssm.media.times import Packets, PacketTimes, is_last, packet_times
from affectssm.media.wav import WavView, wav_sound
from affectssm.store.files import check_regular

_ABSOLUTE = {"mov", "mp4", "matroska", "webm"}
# samples that encoders put before the first one (FFmpeg's, Fraunhofer's, Apple's AAC; LAME's MP3)
_PRIMING = {"aac": (1024, 2048, 2112), "mp3": (1105,)}
_CANNOT_WAIT = {
    "mov",
    "mp4",
    "avi",
}  # where a track cannot be said to begin late, its first picture lasts longer
_NO_HEADER = {"aac", "ac3", "eac3", "dts"}
Action = Literal["masked", "truncated", "quarantined", "ignored", "decided"]


class MediaError(DataError):
    """A media file that cannot be used; the rest of its corpus can."""


class UnsafeFileError(MediaError):
    """A file that asks for more than data; nothing in it was run or expanded."""

    code = "unsafe_file"


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
    codec: str


@dataclass(frozen=True)
class AudioInfo:
    """One audio stream: rate in Hz, samples a channel, seconds, first time."""

    rate: int
    samples: int
    duration: float
    channels: int
    start: float
    codec: str


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
        audio = [audio_info(container, stream, zero) for stream in container.streams.audio]
        if video and not _header_knows(container, video_streams(container)[0], video[0]):
            video[0] = counted_video(video[0], read_packet_times(path), zero)
        if audio and not audio[0].samples:
            audio[0] = _counted_audio(audio[0], container, container.streams.audio[0])
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
    """Refuse sound and pictures that FFmpeg has no decoder for: it knows nothing of them, not even their rate."""
    attached = av.stream.Disposition.attached_pic
    for stream in (*container.streams.audio, *container.streams.video):
        if stream.codec_context is None and not stream.disposition & attached:
            raise MediaError(
                path,
                f"{stream.type} in a format that has no decoder",
                "sound and pictures that FFmpeg can decode",
                "convert the file, or copy it again if its header is damaged",
            )


def time_zero(container: Any) -> float:
    """Return the container time that counts as zero, in seconds."""
    if _ABSOLUTE & set(container.format.name.split(",")) or container.start_time is None:
        zero = 0.0
    else:
        zero = container.start_time / av.time_base
    return zero + _moved(container, zero)


def video_streams(container: Any) -> list[Any]:
    """Return the video streams without attached pictures, the one with the largest pictures first."""
    attached = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & attached]
    return sorted(streams, key=lambda stream: -stream.codec_context.width * stream.codec_context.height)


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
    context = stream.codec_context
    frames = stream.frames or round(duration * rate)
    return VideoInfo(rate, frames, duration, context.width, context.height, start, context.name)


def counted_video(info: VideoInfo, packets: PacketTimes, zero: float) -> VideoInfo:
    """Return the description of a video stream with what its packets say in place of its header."""
    start, end = packets.span
    return replace(info, fps=packets.rate, frames=packets.pictures, start=start - zero, duration=end - start)


def audio_info(container: Any, stream: Any, zero: float) -> AudioInfo:
    """Describe an audio stream of an open container, as its header does."""
    start, duration = _span(container, stream, zero)
    context = stream.codec_context
    samples = round(duration * context.sample_rate)
    return AudioInfo(context.sample_rate, samples, duration, context.channels, start, context.name)


def _rates(container: Any, stream: Any) -> list[float]:
    """Return the rates that a header gives, the one of the first pictures before the average."""
    rates = [float(rate) for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate) if rate]
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
    """Return the description of an audio stream with its packets counted."""
    ticks = sum(packet.duration or 0 for packet in Packets(container, stream) if not is_last(packet))
    duration = float(ticks * stream.time_base)
    return replace(info, duration=duration, samples=round(duration * info.rate))


def _moved(container: Any, zero: float) -> float:
    """Return the seconds by which a writer moved all streams: it could mark neither a delay nor a time before zero.

    An encoder puts something before the first sample, and one that reorders pictures decodes them earlier than it
    shows them. A file without edit lists has all streams late by that.
    """
    pictures, sounds = video_streams(container), container.streams.audio
    if not pictures:
        return 0.0
    picture, tick = pictures[0], max(float(pictures[0].time_base), 1e-3)
    late = _begins(picture) - zero
    period = 1 / _rates(container, picture)[0]
    first = [entry.timestamp for entry in picture.index_entries[:2]] if len(picture.index_entries) > 1 else []
    stretched = float((first[1] - first[0]) * picture.time_base) - period if first else 0.0
    form = set(container.format.name.split(","))
    if "mp4" in form and first[:1] == [0] and late > tick > stretched:
        steps = round(late / period)
        if 0 < steps <= picture.codec_context.reorder_depth and abs(late - steps * period) <= tick:
            return late
    if late < tick and _CANNOT_WAIT & form:
        late = stretched
    marked = not sounds or _begins(sounds[0]) - zero > tick or _is_primed(sounds[0])
    return (
        late if not marked and late > 0 and any(abs(late - s) <= tick for s in _priming(sounds[0])) else 0.0
    )


def _begins(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _is_primed(sound: Any) -> bool:
    """Whether a sound track marks what comes before its first sample."""
    return len(sound.index_entries) > 0 and sound.index_entries[0].timestamp < 0


def _priming(sound: Any) -> list[float]:
    """Return the seconds that encoders of this coding put before the first sample."""
    context = sound.codec_context
    coding = context.name.removesuffix("float")  # one of several decoders of MP3
    return [samples / (context.sample_rate or 1) for samples in _PRIMING.get(coding, ())]


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
