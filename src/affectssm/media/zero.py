"""Where a media file's own clock begins, and which of its streams have pictures.

The zero is that of the time line that MP4 and Matroska write down, so that a stream that starts late keeps its
delay even where it is the only one; other containers (MPEG-TS counts from an arbitrary number) begin at their
earliest stream.

An encoder of sound puts something before the first sample, and one that reorders pictures decodes them earlier
than it shows them. Writers that can mark neither (no edit list, no times below zero) move all streams by that; it
is taken back, so that the first sample and the first picture are at zero.
"""

from __future__ import annotations

from typing import Any

import av

_ABSOLUTE = {"mov", "mp4", "matroska", "webm"}
_CANNOT_WAIT = {"mp4", "avi"}  # a track that begins late there has a first picture that lasts longer
# samples that encoders put before the first one (FFmpeg's, Fraunhofer's, Apple's AAC; LAME's MP3)
_PRIMING = {"aac": (1024, 2048, 2112), "mp3": (1105,)}
_TICK_S = 1e-3  # the coarsest in which a container other than AVI counts


def time_zero(container: Any) -> float:
    """Return the container time that counts as zero, in seconds."""
    if _ABSOLUTE & set(container.format.name.split(",")) or container.start_time is None:
        zero = 0.0
    else:
        zero = container.start_time / av.time_base
    return zero + _moved(container, zero)


def video_streams(container: Any) -> list[Any]:
    """Return the video streams that can be decoded, without attached pictures, the largest pictures first."""
    attached = av.stream.Disposition.attached_pic
    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & attached
    ]
    return sorted(streams, key=lambda stream: -stream.codec_context.width * stream.codec_context.height)


def audio_streams(container: Any) -> list[Any]:
    """Return the audio streams that can be decoded."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def rates_of(stream: Any) -> list[float]:
    """Return the rates in Hz that a header gives, the one of the first pictures before the average."""
    return [float(rate) for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate) if rate]


def _moved(container: Any, zero: float) -> float:
    """Return the seconds by which a writer moved all streams."""
    pictures, sounds = video_streams(container)[:1], audio_streams(container)[:1]
    if not pictures or not rates_of(pictures[0]):
        return 0.0
    (picture,), tick = pictures, max(float(pictures[0].time_base), _TICK_S)
    form = set(container.format.name.split(","))
    late, stretched = _begins(picture) - zero, _stretched(picture) if _CANNOT_WAIT & form else 0.0
    if "mp4" in form and stretched < tick < late and _is_reordering(picture, late, tick):
        return late
    if not sounds or _begins(sounds[0]) - zero > tick or _first_entry(sounds[0]) < 0:
        return 0.0  # nothing before the first sample, or it is marked
    late = late if late >= tick else stretched
    return late if late > 0 and any(abs(late - priming) <= tick for priming in _priming(sounds[0])) else 0.0


def _begins(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _first_entry(stream: Any) -> int:
    return stream.index_entries[0].timestamp if len(stream.index_entries) else 0


def _stretched(picture: Any) -> float:
    """Return the seconds by which the first picture lasts longer than one does."""
    if len(picture.index_entries) < 2:
        return 0.0
    first, second = (entry.timestamp for entry in picture.index_entries[:2])
    return float((second - first) * picture.time_base) - 1 / rates_of(picture)[0]


def _is_reordering(picture: Any, late: float, tick: float) -> bool:
    """Whether the first picture is late by what the encoder needed to reorder: decoded at zero, shown later."""
    period = 1 / rates_of(picture)[0]
    steps = round(late / period)
    possible = 0 < steps <= picture.codec_context.reorder_depth and abs(late - steps * period) <= tick
    return possible and len(picture.index_entries) > 0 and _first_entry(picture) == 0


def _priming(sound: Any) -> list[float]:
    """Return the seconds that encoders of this coding put before the first sample."""
    context = sound.codec_context
    coding = context.name.removesuffix("float")  # one of several decoders of MP3
    return [samples / (context.sample_rate or 1) for samples in _PRIMING.get(coding, ())]
