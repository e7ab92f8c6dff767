"""Pictures with the times at which they are shown.

A picture's time is the centre of its display: its presentation time plus half the stream's nominal period, on the
file's own clock (see :mod:`affectssm.media.probe`; :mod:`affectssm.media.times` says what stands in for times
that are absent or cannot be). Pictures are upright and their pixels square. One picture is held at a time,
whatever the file's length.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av.error
import numpy as np

from affectssm.media.geometry import converter
from affectssm.media.probe import (
    MediaNote,
    VideoInfo,
    counted_video,
    declared_end,
    opened,
    read_packet_times,
    time_zero,
    video_info,
    video_streams,
)
from affectssm.media.spacing import holes
from affectssm.media.times import Packets, PacketTimes, PictureTimes, is_last
from affectssm.media.wav import TAGS

# pictures may end this much before the header's duration without anything being lost (rounding, edit lists)
_SLACK_S, _SLACK_FRAMES = 0.2, 3
_THREADS = 2
_NAMED = 5  # holes named one by one; of more, their number and sum are given


@dataclass(frozen=True)
class Picture:
    """A decoded picture: its number in the stream, its centre time in seconds and its pixels.

    ``image`` is (H, W, 3) uint8 RGB, or (H, W) uint8 for ``gray``.
    """

    index: int
    time: float
    image: np.ndarray


class VideoReader:
    """Iterates over the pictures of a file's largest video stream.

    Args:
        path: the media file.
        fps: where given, keep at most this many pictures a second: the first centred in each n/fps..(n+1)/fps.
        pixels: ``rgb24`` or ``gray``.
        size: (width, height) to scale to; None keeps the stored height and makes the pixels square.

    After the iteration ``notes`` says what was odd: several streams, an early end, pictures that could not be
    decoded, times that are absent or do not rise, seconds without pictures.

    Raises:
        MediaError: while iterating, if the file cannot be opened or has no video stream.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        fps: float | None = None,
        pixels: Literal["rgb24", "gray"] = "rgb24",
        size: tuple[int, int] | None = None,
    ) -> None:
        self.path, self.fps, self.pixels, self.size = Path(path), fps, pixels, size
        self.notes: list[MediaNote] = []
        self._packets: PacketTimes | None = None

    def info(self) -> VideoInfo:
        """Describe the stream that will be read, without decoding it."""
        packets = self._packet_times()
        with opened(self.path) as container:
            stream, zero = video_streams(container)[0], time_zero(container)
            return counted_video(video_info(container, stream, zero), packets, zero)

    def __iter__(self) -> Iterator[Picture]:
        self.notes = []
        packets = self._packet_times()
        with opened(self.path) as container:
            stream = self._stream(container)
            zero, half = time_zero(container), 0.5 / packets.rate
            picture_of = converter(self.pixels, self.size, stream.sample_aspect_ratio)
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = _THREADS
            decoder, times = Decoder(container, stream, numbered=True), PictureTimes(packets)
            slot, lost = -math.inf, 0
            centres = array("d")
            for index, frame in enumerate(decoder):
                for _ in range(decoder.damaged - lost):
                    times.lost()
                lost = decoder.damaged
                centre = times.of(frame.pts, frame.key_frame) - zero + half
                centres.append(centre)
                if self.fps is not None:
                    # by the centre: container times are rounded, and a start may fall on either side of a border
                    if math.floor(centre * self.fps) == slot:
                        continue
                    slot = math.floor(centre * self.fps)
                yield Picture(index, centre, picture_of(frame))
            declared = declared_end(container, stream)
            self._note_end(centres, decoder.damaged, None if declared is None else declared - zero, half)
            self._note_times(np.array(centres), times)

    def _packet_times(self) -> PacketTimes:
        if self._packets is None:
            self._packets = read_packet_times(self.path)
        return self._packets

    def _stream(self, container: Any) -> Any:
        streams = video_streams(container)
        if len(streams) > 1:
            named = [
                f"stream {stream.index} ({stream.codec_context.width} x {stream.codec_context.height})"
                for stream in streams
            ]
            found = f"{len(streams)} video streams: {', '.join(sorted(named))}"
            expected = f"one; {named[0]}, the largest, is taken"
            self.notes.append(MediaNote("several_streams", found, expected, "decided"))
        return streams[0]

    def _note_end(self, centres: array[float], damaged: int, declared: float | None, half: float) -> None:
        end = centres[-1] + half if centres else 0.0
        short = declared is not None and end < declared - max(_SLACK_S, 2 * half * _SLACK_FRAMES)
        if short or damaged:
            found = f"{len(centres)} pictures until {end:.2f} s, {damaged} packets that cannot be decoded"
            expected = f"pictures until {declared:.2f} s" if declared is not None else "whole packets"
            self.notes.append(MediaNote("truncated_media", found, expected, "truncated"))

    def _note_times(self, centres: np.ndarray, times: PictureTimes) -> None:
        rate = times.packets.rate
        if not times.packets.timed:
            expected = f"times; taken for {rate:g} pictures a second, as the header says"
            self.notes.append(MediaNote("bad_timestamps", "no times in the file", expected, "decided"))
        elif times.moved:
            found = f"{times.moved} of {len(centres)} pictures without a time after the one before"
            expected = "rising times; they follow at the nominal rate"
            self.notes.append(MediaNote("bad_timestamps", found, expected, "decided"))
        empty = holes(centres, 1 / rate)
        if len(empty):
            seconds = float((empty[:, 1] - empty[:, 0]).sum())
            named = ", ".join(f"{start:.2f} to {stop:.2f} s" for start, stop in empty[:_NAMED])
            more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
            found = f"{seconds:.2f} s without pictures: {named}{more}"
            self.notes.append(MediaNote("video_hole", found, f"{rate:.4g} pictures a second", "masked"))


class Decoder:
    """Iterates over a stream's decoded frames and goes on after packets that cannot be decoded.

    ``damaged`` counts those; a file that breaks off in the middle of a packet counts as one, the tag of a player's
    (where files were put one after another) as none. ``read_to`` is the byte after the last packet. Where frames are
    ``numbered``, their ``pts`` is the number of their packet in place of its time.
    """

    def __init__(self, container: Any, stream: Any, numbered: bool = False) -> None:
        self.container, self.stream, self.numbered = container, stream, numbered
        self.damaged = self.read_to = 0

    def __iter__(self) -> Iterator[Any]:
        packets = Packets(self.container, self.stream)
        for number, packet in enumerate(packets):
            self.read_to = max(self.read_to, (packet.pos or 0) + packet.size)
            if self.numbered and not is_last(packet):
                packet.pts = number
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:  # its MemoryError too, which absurd sizes in a damaged file give
                self.damaged += not bytes(packet).startswith(TAGS)
        self.damaged += packets.broken
