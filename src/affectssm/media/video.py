"""Pictures with the times at which they are shown.

A picture's time is the centre of its display: its presentation time plus half a period of the stream's
average rate, on the file's own clock (see :mod:`affectssm.media.probe`). One picture is held at a time,
whatever the file's length.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import av.error
import av.video.reformatter
import numpy as np

from affectssm.media.probe import (
    MediaError,
    MediaNote,
    VideoInfo,
    declared_end,
    opened,
    time_zero,
    video_info,
    video_streams,
)

# pictures may end this much before the header's duration without anything being lost (rounding, edit lists)
_SLACK_S, _SLACK_FRAMES = 0.2, 3
_THREADS = 2
_TAGS = (b"ID3", b"TAG", b"APETAGEX")


@dataclass(frozen=True)
class Picture:
    """A decoded picture: its number in the stream, its centre time in seconds and its pixels.

    ``image`` is (H, W, 3) uint8 RGB, or (H, W) uint8 for ``gray``.
    """

    index: int
    time: float
    image: np.ndarray


@dataclass(frozen=True)
class PictureBatch:
    """Successive pictures: index (N,), time (N,) seconds, images (N, H, W[, 3]) uint8."""

    index: np.ndarray
    time: np.ndarray
    images: np.ndarray


class VideoReader:
    """Iterates over the pictures of a file's first video stream.

    Args:
        path: the media file.
        fps: where given, keep at most this many pictures a second: the first centred in each n/fps..(n+1)/fps.
        pixels: ``rgb24`` or ``gray``.
        size: (width, height) to scale to.

    After the iteration ``notes`` says what was odd: several streams, an early end, pictures that could not be
    decoded.

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
        # one for all pictures: a frame's own sets up the conversion anew, which takes longer than to decode it
        self._reformatter = av.video.reformatter.VideoReformatter()
        self.notes: list[MediaNote] = []

    def info(self) -> VideoInfo:
        """Describe the stream that will be read, without decoding it."""
        with opened(self.path) as container:
            return video_info(container, self._stream(container), time_zero(container))

    def __iter__(self) -> Iterator[Picture]:
        self.notes = []
        with opened(self.path) as container:
            stream = self._stream(container)
            zero, rate = time_zero(container), video_info(container, stream, 0.0).fps
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = _THREADS
            index, bad, slot, last = -1, 0, -math.inf, -math.inf
            decoder = Decoder(container, stream)
            for frame in decoder:
                start = _start(frame, index + 1, rate)
                if start <= last:  # shown no later than the one before it: a damaged time stamp
                    bad += 1
                    continue
                index, last = index + 1, start
                centre = start - zero + 0.5 / rate
                if self.fps is not None:
                    # by the centre: container times are rounded, and a start may fall on either side of a border
                    if math.floor(centre * self.fps) == slot:
                        continue
                    slot = math.floor(centre * self.fps)
                yield Picture(index, centre, self._pixels(frame))
            self._look_back(
                index + 1, bad, decoder.damaged, last + 1 / rate, declared_end(container, stream), rate
            )

    def batches(self, count: int) -> Iterator[PictureBatch]:
        """Yield the pictures in batches of ``count`` (the last one may be shorter)."""
        held: list[Picture] = []
        for picture in self:
            held.append(picture)
            if len(held) == count:
                yield _stack(held)
                held = []
        if held:
            yield _stack(held)

    def _stream(self, container: Any) -> Any:
        streams = video_streams(container)
        if not streams:
            raise MediaError(
                self.path, "no video stream", "a file with pictures", "give the file that has the video"
            )
        if len(streams) > 1:
            found = f"{len(streams)} video streams"
            self.notes = [MediaNote("several_streams", found, "one", "decided")]
        return streams[0]

    def _pixels(self, frame: Any) -> np.ndarray:
        width, height = self.size or (None, None)
        image = self._reformatter.reformat(frame, width, height, self.pixels).to_ndarray()
        turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image

    def _look_back(
        self, pictures: int, bad: int, damaged: int, end: float, declared: float | None, rate: float
    ) -> None:
        short = declared is not None and end < declared - max(_SLACK_S, _SLACK_FRAMES / rate)
        if short or damaged:
            found = (
                f"{pictures} pictures until {max(end, 0.0):.2f} s, {damaged} packets that cannot be decoded"
            )
            expected = f"pictures until {declared:.2f} s" if declared is not None else "whole packets"
            self.notes.append(MediaNote("truncated_media", found, expected, "truncated"))
        if bad:
            self.notes.append(
                MediaNote("bad_timestamps", f"{bad} pictures out of order", "rising times", "ignored")
            )


class Decoder:
    """Iterates over a stream's decoded frames and goes on after packets that cannot be decoded.

    ``damaged`` counts those; a file that breaks off in the middle of a packet counts as one, the tag of a player's
    (where files were put one after another) as none. ``read_to`` is the byte after the last packet.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self.container, self.stream, self.damaged, self.read_to = container, stream, 0, 0

    def __iter__(self) -> Iterator[Any]:
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                self.damaged += 1
                return
            self.read_to = max(self.read_to, (packet.pos or 0) + packet.size)
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.damaged += not bytes(packet).startswith(_TAGS)


def _start(frame: Any, index: int, rate: float) -> float:
    """The frame's presentation time in container seconds; by its number where the file has no times."""
    return float(frame.pts * frame.time_base) if frame.pts is not None else index / rate


def _stack(held: list[Picture]) -> PictureBatch:
    return PictureBatch(
        np.array([picture.index for picture in held]),
        np.array([picture.time for picture in held]),
        np.stack([picture.image for picture in held]),
    )
