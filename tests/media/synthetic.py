"""Small media files made on the spot: grey pictures whose brightness tells their number, clicks and tones."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

TICK = Fraction(1, 90000)


def write_media(
    path: Path,
    video_times: list[float] | None = None,
    audio: np.ndarray | None = None,
    *,
    fps: Fraction | int = 25,
    rate: int = 16000,
    audio_start: float = 0.0,
    codec: str = "aac",
    size: tuple[int, int] = (64, 48),
    options: dict[str, str] | None = None,
    picture: np.ndarray | None = None,
) -> Path:
    """Write pictures shown at ``video_times`` (seconds) and mono or (C, N) sound; x264 with one thread.

    They are grey, ever brighter ones, or ``picture`` (H, W, 3) that moves to the right, of a ``size`` of its own.
    """
    if picture is not None:
        size = (picture.shape[1], picture.shape[0])
    with av.open(str(path), "w", options=options or {}) as container:
        if video_times:
            stream = container.add_stream(
                "libx264", rate=fps, options={"preset": "ultrafast", "threads": "1"}
            )
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.codec_context.time_base = stream.time_base = TICK
        if audio is not None:
            sound = container.add_stream(codec, rate=rate, layout="mono" if audio.ndim == 1 else "stereo")
            _write_audio(container, sound, np.atleast_2d(audio), rate, audio_start)
        if video_times:
            for index, time in enumerate(video_times):
                grey = np.full((size[1], size[0], 3), 20 + (7 * index) % 200, np.uint8)
                image = grey if picture is None else np.roll(picture, index, axis=1)
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = round(time / TICK), TICK
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


def _write_audio(container, stream, audio: np.ndarray, rate: int, start: float) -> None:
    layout = "mono" if len(audio) == 1 else "stereo"
    resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio, np.float32), format="fltp", layout=layout)
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start * rate)
    for piece in resampler.resample(frame) + resampler.resample(None):
        container.mux(stream.encode(piece))
    container.mux(stream.encode())


def regular(count: int, fps: float, start: float = 0.0) -> list[float]:
    return [start + index / fps for index in range(count)]
