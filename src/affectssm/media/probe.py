"""What a media file says about itself, without decoding it.

All times are seconds on the file's own clock. Its zero is the zero of the time line that MP4 and Matroska
write down, so that a stream that starts late keeps its delay even where it is the only one; other containers
(MPEG-TS counts from an arbitrary number) begin at their earliest stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import av.error

from affectssm.errors import DataError
from affectssm.store.files import check_regular, open_regular

_ABSOLUTE = {"mov", "mp4", "matroska", "webm"}
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
    """One video stream: average rate in Hz, pictures and seconds as its header says, size, first time."""

    fps: float
    frames: int
    duration: float
    width: int
    height: int
    start: float
    codec: str


@dataclass(frozen=True)
class AudioInfo:
    """One audio stream: rate in Hz, samples a channel and seconds (as its header says), first time."""

    rate: int
    samples: int
    duration: float
    channels: int
    start: float
    codec: str


@dataclass(frozen=True)
class MediaInfo:
    """The streams of a file; still pictures attached as covers do not count as video."""

    video: tuple[VideoInfo, ...]
    audio: tuple[AudioInfo, ...]


def probe(path: Path | str) -> MediaInfo:
    """Read a media file's headers.

    Raises:
        MediaError: if the file cannot be opened as media (absent, empty, cut before its index).
    """
    with opened(path) as container:
        zero = time_zero(container)
        return MediaInfo(
            tuple(video_info(container, stream, zero) for stream in video_streams(container)),
            tuple(audio_info(container, stream, zero) for stream in container.streams.audio),
        )


@contextmanager
def opened(path: Path | str) -> Iterator[Any]:
    """Open a media file for reading and close it afterwards.

    Raises:
        MediaError: if it cannot be opened as media.
    """
    try:
        check_regular(path)
        container = av.open(str(path), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            path,
            f"not readable as audio or video: {error.strerror or error}",
            "a whole media file that FFmpeg can open",
            "copy the file again from its source, or remove it to go on without it",
        ) from error
    try:
        _check_decodable(container, path)
        yield container
    finally:
        container.close()


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
        return 0.0
    return container.start_time / av.time_base


def video_streams(container: Any) -> list[Any]:
    """Return the video streams without attached pictures."""
    attached = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & attached]


def declared_end(container: Any, stream: Any) -> float | None:
    """Return when the header says the stream ends, in container seconds, or None where it does not say."""
    if stream.duration is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) + _cut_from_wav(
            container, stream
        )
    if container.duration is not None and len(container.streams) == 1:
        return ((container.start_time or 0) + container.duration) / av.time_base
    return None


def video_info(container: Any, stream: Any, zero: float) -> VideoInfo:
    """Describe a video stream of an open container."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not rate:
        raise MediaError(
            container.name, "a video stream without a rate", "pictures with times", "remux the file"
        )
    start, duration = _span(container, stream, zero)
    context = stream.codec_context
    frames = stream.frames or round(duration * rate)
    return VideoInfo(float(rate), frames, duration, context.width, context.height, start, context.name)


def audio_info(container: Any, stream: Any, zero: float) -> AudioInfo:
    """Describe an audio stream of an open container."""
    start, duration = _span(container, stream, zero)
    context = stream.codec_context
    samples = round(duration * context.sample_rate)
    return AudioInfo(context.sample_rate, samples, duration, context.channels, start, context.name)


def _cut_from_wav(container: Any, stream: Any) -> float:
    """Return the seconds a WAV file is shorter than its header says (FFmpeg goes by the file's size)."""
    rate = stream.codec_context.bit_rate
    if container.format.name != "wav" or not rate:
        return 0.0
    path = Path(container.name)
    with open_regular(path) as file:
        head = file.read(8)
    promised = int.from_bytes(head[4:8], "little")
    # writers that cannot seek back leave 0 or all ones
    known = head[:4] == b"RIFF" and 0 < promised < 2**32 - 1024
    return max(0, promised + 8 - path.stat().st_size) * 8 / rate if known else 0.0


def _span(container: Any, stream: Any, zero: float) -> tuple[float, float]:
    """Return a stream's first time and its duration in seconds."""
    begin = float((stream.start_time or 0) * stream.time_base)
    end = declared_end(container, stream)
    if end is None and container.duration is not None:
        end = ((container.start_time or 0) + container.duration) / av.time_base
    return begin - zero, max(0.0, end - begin) if end is not None else 0.0
