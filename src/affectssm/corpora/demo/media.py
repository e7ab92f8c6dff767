"""Encodes a participant's pictures and sound, to the same bytes every time.

x264 gives the same bytes again only with one thread and the preset ``ultrafast``.
"""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np

from affectssm.corpora.demo.face import FPS, SIZE
from affectssm.corpora.demo.speech import RATE

PER_PICTURE = RATE // FPS  # samples


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write (samples,) int16 as 16 kHz mono PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def write_mp4(
    path: Path, pictures: Iterable[np.ndarray], samples: np.ndarray, *, index_first: bool = False
) -> None:
    """Write H.264 + AAC; with ``index_first`` a file that is truncated later can still be opened."""
    options = {"movflags": "faststart"} if index_first else {}
    with av.open(str(path), "w", format="mp4", options=options) as file:
        video = file.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20", "g": "50"})
        video.width = video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        audio = file.add_stream("aac", rate=RATE, layout="mono")
        audio.codec_context.thread_count = 1
        for index, picture in enumerate(pictures):
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = index
            file.mux(video.encode(frame))
            file.mux(audio.encode(_sound(samples, index)))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))


def truncate(path: Path, share: float) -> None:
    """Keep the first ``share`` of a file's bytes."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def _sound(samples: np.ndarray, index: int) -> av.AudioFrame:
    piece = samples[index * PER_PICTURE : (index + 1) * PER_PICTURE]
    frame = av.AudioFrame.from_ndarray(piece[None], format="s16", layout="mono")
    frame.sample_rate = RATE
    frame.pts = index * PER_PICTURE
    return frame
