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

from affectssm.corpora.demo.face import FPS
from affectssm.corpora.demo.speech import RATE

_X264 = {"preset": "ultrafast", "crf": "20", "g": "50"}


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write (samples,) int16 as 16 kHz mono PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def write_video(
    path: Path,
    pictures: Iterable[np.ndarray],
    samples: np.ndarray | None,
    *,
    fps: int = FPS,
    index_first: bool = False,
) -> None:
    """Write pictures of one size and 16 kHz sound, or none: H.264 + AAC as .mp4, MPEG-4 + PCM as .avi.

    With ``index_first`` an .mp4 that is truncated later can still be opened.
    """
    coded = path.suffix == ".mp4"
    options = {"movflags": "faststart"} if index_first else {}
    with av.open(str(path), "w", format=path.suffix[1:], options=options) as file:
        video = (
            file.add_stream("libx264", rate=fps, options=_X264)
            if coded
            else file.add_stream("mpeg4", rate=fps)
        )
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        audio = None
        if samples is not None:
            audio = file.add_stream("aac" if coded else "pcm_s16le", rate=RATE, layout="mono")
            audio.codec_context.thread_count = 1
        for index, picture in enumerate(pictures):
            if not index:
                video.height, video.width = picture.shape[:2]
            planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = index
            file.mux(video.encode(frame))
            if audio is not None and samples is not None:
                file.mux(audio.encode(_sound(samples, index, RATE // fps)))
        file.mux(video.encode(None))
        if audio is not None:
            file.mux(audio.encode(None))


def truncate(path: Path, share: float) -> None:
    """Keep the first ``share`` of a file's bytes."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])


def _sound(samples: np.ndarray, index: int, count: int) -> av.AudioFrame:
    piece = samples[index * count : (index + 1) * count]
    frame = av.AudioFrame.from_ndarray(piece[None], format="s16", layout="mono")
    frame.sample_rate = RATE
    frame.pts = index * count
    return frame
