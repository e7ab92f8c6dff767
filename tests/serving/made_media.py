"""Short media of real faces and voices, cut together for tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest

MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"
real = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"the real media of {MEDIA} are not here")
SIZE = (320, 180)
ONE, OTHER = "face/single_face.mp4", "face/WolfgangLanger_Pexels.mp4"


def pictures(name: str, count: int, size: tuple[int, int] = SIZE) -> list[np.ndarray]:
    """The first pictures of a real video, RGB."""
    found = []
    with av.open(str(MEDIA / name)) as container:
        for frame in container.decode(video=0):
            found.append(frame.reformat(*size, format="rgb24").to_ndarray())
            if len(found) == count:
                break
    return found


def write_video(path: Path, frames: Iterable[np.ndarray], codec: str = "libx264", rate: int = 25) -> Path:
    """Write pictures as a video without sound."""
    with av.open(str(path), "w") as container:
        stream = None
        for image in frames:
            if stream is None:
                stream = container.add_stream(codec, rate=rate)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            for packet in stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        container.mux(stream.encode())
    return path


def side_by_side(count: int) -> list[np.ndarray]:
    """Two people in every picture: one on the left, a larger face on the right."""
    return [
        np.concatenate(both, 1) for both in zip(pictures(ONE, count), pictures(OTHER, count), strict=True)
    ]
