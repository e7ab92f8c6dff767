"""Sound files as recorders leave them: headers that say something else than the file holds, tracks that change."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 16000


def tone(seconds: float, frequency: float = 220.0, rate: int = RATE, level: float = 0.25) -> np.ndarray:
    """A sine, (N,)."""
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def noise(seconds: float, seed: int, level: float = 0.1, rate: int = RATE) -> np.ndarray:
    """White noise, (N,)."""
    return level * np.random.default_rng(seed).standard_normal(round(seconds * rate))


def chunk(name: bytes, body: bytes, pad: bool = True) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2 * pad)


def wav(
    path: Path,
    sound: np.ndarray,
    size: int | None = None,
    *,
    rate: int = RATE,
    form: bytes = b"RIFF",
    before: bytes = b"",
    after: bytes = b"",
) -> Path:
    """Write (N,) or (N, C) sound in [-1, 1] as 16-bit PCM, under a header that promises ``size`` bytes of it."""
    big = ">" if form == b"RIFX" else "<"
    body = np.rint(np.asarray(sound) * 32767).astype(f"{big}i2").tobytes()
    channels = sound.shape[1] if sound.ndim == 2 else 1
    size = len(body) if size is None else size
    fmt = struct.pack(
        f"{big}4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16
    )
    head = struct.pack(f"{big}4sI4s", form, min(36 + len(before) + size, (1 << 32) - 1), b"WAVE")
    data = struct.pack(f"{big}4sI", b"data", size)
    path.write_bytes(head + before + fmt + data + body + after)
    return path


def ds64(size: int) -> bytes:
    """RF64's chunk of 64-bit sizes."""
    return chunk(b"ds64", struct.pack("<QQQI", min(size + 72, (1 << 64) - 1), size, size // 2, 0))


def encoded(path: Path, sound: np.ndarray, rate: int, codec: str, form: str) -> Path:
    """Encode (N,) or (C, N) sound."""
    data = np.ascontiguousarray(np.atleast_2d(sound), np.float32)
    layout = "mono" if len(data) == 1 else "stereo"
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        frame = av.AudioFrame.from_ndarray(data, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        for piece in resampler.resample(frame) + resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode())
    return path


def joined(path: Path, parts: list[Path]) -> Path:
    """Put files one after another, as ``cat`` does."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path
