"""Sound as mono float32 blocks on the file's own clock.

Sample n of the output is the sound at n / rate seconds of the file's clock (see
:mod:`affectssm.media.probe`): a track that starts late begins with silence, a hole in the middle is filled
with silence, what lies before zero (a codec's priming) is dropped. Channels are averaged. Blocks are yielded
as they are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from affectssm.media.probe import MediaError, MediaNote, declared_end, opened, time_zero
from affectssm.media.video import Decoder

RATE = 16000
BLOCK_S = 10.0
# codecs stamp packets to a millisecond or so; only larger steps are holes or overlaps
_JITTER_S = 0.04
_SLACK_S = 0.25
_SCALES = {"u8": 128.0, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}


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

    After the iteration ``notes`` says what was odd: several streams, an early end, holes.

    Raises:
        MediaError: while iterating, if the file cannot be opened or has no audio stream.
    """

    def __init__(self, path: Path | str, *, rate: int = RATE, block_s: float = BLOCK_S) -> None:
        self.path, self.rate, self.block = Path(path), rate, max(1, round(rate * block_s))
        self.notes: list[MediaNote] = []

    def __iter__(self) -> Iterator[AudioBlock]:
        self.notes = []
        with opened(self.path) as container:
            if not container.streams.audio:
                raise MediaError(
                    self.path, "no audio stream", "a file with sound", "give the file that has the sound"
                )
            if len(container.streams.audio) > 1:
                found = f"{len(container.streams.audio)} audio streams"
                self.notes.append(MediaNote("several_streams", found, "one", "decided"))
            stream = container.streams.audio[0]
            yield from _blocks(self._resampled(container, stream), self.block)

    def _resampled(self, container: Any, stream: Any) -> Iterator[np.ndarray]:
        source = stream.codec_context.sample_rate
        pieces = self._on_clock(container, stream, source)
        if source == self.rate:
            yield from pieces
            return
        resampler = av.AudioResampler(format="flt", layout="mono", rate=self.rate)
        for piece in pieces:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece[None]), format="flt", layout="mono")
            frame.sample_rate = source
            yield from (out.to_ndarray()[0] for out in resampler.resample(frame))
        yield from (out.to_ndarray()[0] for out in resampler.resample(None))

    def _on_clock(self, container: Any, stream: Any, source: int) -> Iterator[np.ndarray]:
        """Yield mono pieces at the source's rate, without a gap, from the clock's zero on."""
        zero, position, holes = time_zero(container), 0, 0.0
        decoder = Decoder(container, stream)
        for frame in decoder:
            samples = _mono(frame, self.path)
            if frame.sample_rate != source:
                raise MediaError(
                    self.path, "a sound track that changes its rate", f"{source} Hz", "convert the file"
                )
            at = (
                position if frame.pts is None else round((float(frame.pts * frame.time_base) - zero) * source)
            )
            gap = at - position
            if gap > _JITTER_S * source or (position == 0 and gap > 0):
                holes += gap / source if position else 0.0
                yield from _silence(gap, source)
                position = at
            elif gap < -_JITTER_S * source or (position == 0 and gap < 0):
                samples = samples[-gap:]
            if len(samples):
                yield samples
                position += len(samples)
        end, declared = zero + position / source, declared_end(container, stream)
        if decoder.damaged or (declared is not None and end < declared - _SLACK_S):
            found = f"sound until {end:.2f} s, {decoder.damaged} packets that cannot be decoded"
            expected = f"sound until {declared:.2f} s" if declared is not None else "whole packets"
            self.notes.append(MediaNote("truncated_media", found, expected, "truncated"))
        if holes:
            self.notes.append(MediaNote("audio_hole", f"{holes:.2f} s without sound", "none", "masked"))


def read_audio(path: Path | str, rate: int = RATE) -> Iterator[AudioBlock]:
    """Yield a file's sound as mono float32 blocks (see :class:`AudioReader`)."""
    yield from AudioReader(path, rate=rate)


def _silence(samples: int, rate: int) -> Iterator[np.ndarray]:
    """Yield zeros a second at a time, so that a long hole costs no memory."""
    for at in range(0, samples, rate):
        yield np.zeros(min(rate, samples - at), np.float32)


def _mono(frame: Any, path: Path) -> np.ndarray:
    """Return a frame's channel mean, (N,) float32 with full scale 1."""
    raw, name, channels = frame.to_ndarray(), frame.format.name.removesuffix("p"), frame.layout.nb_channels
    data = raw if frame.format.is_planar else raw.reshape(-1, channels).T  # (channels, N)
    if name in ("flt", "dbl"):
        wave = data.mean(0, dtype=np.float64)
    else:
        offset = 128.0 if name == "u8" else 0.0
        wave = (data.mean(0, dtype=np.float64) - offset) / _SCALES[name]
    if not np.isfinite(wave).all():
        raise MediaError(
            path, "samples that are not finite", "finite sound", "convert the file again from its source"
        )
    return wave.astype(np.float32)


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
