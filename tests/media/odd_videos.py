"""Videos as recorders, editors and accidents leave them. Each picture's brightness tells which one it is."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE = 25
SIZE = (64, 48)
_STEP = 3
LEVELS = 70


def brightness(number: int) -> int:
    """Grey level of a picture."""
    return 20 + _STEP * (number % LEVELS)


def picture(number: int, size: tuple[int, int] = SIZE) -> av.VideoFrame:
    """A grey picture."""
    return av.VideoFrame.from_ndarray(
        np.full((size[1], size[0], 3), brightness(number), np.uint8), format="rgb24"
    )


def encoded(
    count: int,
    codec: str = "libx264",
    times: Sequence[float] | None = None,
    size: tuple[int, int] = SIZE,
    pixels: str = "yuv420p",
    **options: str,
) -> tuple[Any, list[av.Packet]]:
    """Packets of ``count`` pictures in order of decoding, and the encoder; times in seconds, else k / 25."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = *size, pixels
    context.framerate, context.time_base = Fraction(RATE), Fraction(1, 1000 if times is not None else RATE)
    context.options = {"threads": "1", **options}
    packets: list[av.Packet] = []
    for number in range(count):
        frame = picture(number, size)
        frame.time_base = context.time_base
        frame.pts = round(1000 * times[number]) if times is not None else number
        packets += context.encode(frame)
    return context, [*packets, *context.encode(None)]


def write_video(
    path: Path,
    count: int,
    codec: str = "libx264",
    *,
    times: Sequence[float] | None = None,
    sound: int = 0,
    sound_codec: str = "aac",
    container: dict[str, Any] | None = None,
    size: tuple[int, int] = SIZE,
    pixels: str = "yuv420p",
    show: Callable[[int, tuple[int, int]], av.VideoFrame] = picture,
    change: Callable[[list[av.Packet]], None] = lambda packets: None,
    **options: str,
) -> Path:
    """Write pictures, with a click at every full second of a sound track where ``sound`` gives its rate.

    ``show`` gives picture k, ``change`` is given all packets; ``options`` are the encoder's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", **(container or {})) as out:
        stream = out.add_stream(codec, rate=RATE, options={"threads": "1", **options})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        heard = _click_track(out, sound_codec, sound, count / RATE) if sound else []
        packets: list[av.Packet] = []
        for number in range(count):
            frame = show(number, size)
            if times is not None:
                frame.pts, frame.time_base = round(1000 * times[number]), Fraction(1, 1000)
            packets += stream.encode(frame)
        packets += stream.encode()
        change(packets)
        for packet in sorted([*packets, *heard], key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    return path


def _click_track(out: Any, codec: str, rate: int, seconds: float) -> list[av.Packet]:
    stream = out.add_stream(codec, rate=rate, layout="mono")
    wave = np.zeros((1, round(seconds * rate)), np.float32)
    for second in range(int(seconds)):
        length = rate // 50
        wave[0, second * rate :][:length] = 0.8 * np.sin(2 * np.pi * 500 * np.arange(length) / rate)
    frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
    packets: list[av.Packet] = []
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        packets += stream.encode(piece)
    return [*packets, *stream.encode()]


class Pipe:
    """A file that cannot be gone back in, as the end of a pipe."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()


def piped(path: Path, count: int, codec: str = "libx264", form: str = "matroska", **options: str) -> Path:
    """Write a video to a pipe: its header never learns how long it became."""
    pipe = Pipe(path)
    with av.open(pipe, "w", format=form, options={"live": "1"} if form == "webm" else {}) as out:
        stream = out.add_stream(codec, rate=RATE, options={"threads": "1", **options})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(count):
            out.mux(stream.encode(picture(number)))
        out.mux(stream.encode())
    pipe.close()
    return path


def restamped(path: Path, stamps: dict[int, int]) -> Path:
    """Change times in a Matroska file of one short cluster, {milliseconds: milliseconds}."""
    data = bytearray(path.read_bytes())
    for old, new in stamps.items():
        for flags in (b"\x80", b"\x00"):
            block = b"\x81" + struct.pack(">h", old) + flags
            at = data.find(block)
            if at > 0 and data[at - 3] != 0xA3 and data[at - 2] != 0xA3:
                at = -1
            if at > 0:
                data[at : at + 4] = b"\x81" + struct.pack(">h", new) + flags
                break
        else:
            raise AssertionError(f"no block at {old} ms")
    path.write_bytes(data)
    return path


def write_avi(path: Path, codec: str, packets: Sequence[bytes], keys: Sequence[bool]) -> Path:
    """Write chunks of bytes as the pictures of an AVI file."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number, (data, key) in enumerate(zip(packets, keys, strict=True)):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = number
            packet.is_keyframe = key
            out.mux(packet)
    return path


def write_packed(path: Path, count: int) -> Path:
    """MPEG-4 in AVI as DivX 5 wrote it: a P and its B picture share a chunk, the next one is a placeholder."""
    _, packets = encoded(count, "mpeg4", bf="1", g="200", sc_threshold="1000000000", qmin="1", qmax="2")
    own = [bytes(packet) for packet in packets]
    first = own[0].index(b"\0\0\1\xb6")
    own[0] = own[0][:first] + b"\0\0\1\xb2DivX503b1393p" + own[0][first:]
    placeholder = b"\0\0\1\xb6\x50\xf0" + b"\x7f"
    chunks, number = [own[0]], 1
    while number < len(own):
        pair = own[number : number + 2]
        chunks += [b"".join(pair), placeholder] if len(pair) == 2 else pair
        number += 2
    return write_avi(path, "mpeg4", chunks, [packet.is_keyframe for packet in packets])
