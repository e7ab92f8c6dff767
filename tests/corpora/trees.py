"""Corpora of a few files, laid out by hand as the owners' editions are."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np

from affectssm.corpora.manifest import Manifest, StreamRow
from affectssm.settings.corpora import CorpusSettings

MM24 = {
    "audio.egemapsv2": 88,
    "audio.w2vbert2_embeddings": 1024,
    "video.clip": 512,
    "video.openface2": 714,
    "video.openpose": 139,
}
MM25 = {name.removeprefix("video."): dim for name, dim in MM24.items()}
ROWS = 50
SETTINGS = CorpusSettings(
    root="unused",
    shards=4,
    checksum="sha256",
    lacks=("train", "val", "test-base", "test-additional", "test", "labels"),
)


def stream(
    folder: Path, name: str, dim: int, rows: int = ROWS, rate: float = 25.0, body_rows: int | None = None
) -> Path:
    """A `<name>.stream` with its body of zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    header = folder / f"{name}.stream"
    header.write_text(
        f'<?xml version="1.0" ?>\n<stream ssi-v="2">\n<info ftype="BINARY" sr="{rate:.6f}" dim="{dim}" byte="4" '
        f'type="FLOAT" delim=" " />\n<meta type="" />\n<chunk from="0" to="2" byte="0" num="{rows}"/>\n</stream>\n'
    )
    held = rows if body_rows is None else body_rows
    header.with_name(header.name + "~").write_bytes(np.zeros((held, dim), "<f4").tobytes())
    return header


def streams(folder: Path, role: str, names: dict[str, int] = MM24, rows: int = ROWS) -> None:
    """The five streams of the multimediate set."""
    for name, dim in names.items():
        stream(folder, f"{role}.{name}", dim, rows)


def label(folder: Path, role: str, rows: int = ROWS) -> Path:
    """An engagement annotation without a fault."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{role}.engagement.annotation.csv"
    path.write_text("0.5\n" * rows)
    return path


def dyad(folder: Path, names: dict[str, int] = MM24, labels: bool = True, rows: int = ROWS) -> Path:
    """A session of NoXi with streams and labels."""
    for role in ("expert", "novice"):
        streams(folder, role, names, rows)
        if labels:
            label(folder, role, rows)
    return folder


def wav(path: Path, seconds: float, rate: int = 16000) -> None:
    """A sound file of zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(2 * int(seconds * rate)))


def mp4(path: Path, pictures: int, fps: int = 25, sound: bool = False) -> None:
    """A grey video, with a silent AAC track on demand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "threads": "1"})
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = file.add_stream("aac", rate=16000, layout="mono") if sound else None
        for _ in range(pictures):
            grey = np.full((32, 32, 3), 128, np.uint8)
            file.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        file.mux(video.encode())
        if audio is not None:
            zeros = np.zeros((1, 16000 * pictures // fps), np.float32)
            for start in range(0, zeros.shape[1], 1024):
                piece = np.ascontiguousarray(zeros[:, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16000, start
                file.mux(audio.encode(frame))
            file.mux(audio.encode())


def codes(manifest: Manifest, **where: str) -> list[str]:
    """Fault codes, of the rows with these fields only."""
    return [
        fault.code
        for fault in manifest.faults.rows
        if all(getattr(fault, name) == value for name, value in where.items())
    ]


def pick(manifest: Manifest, **where: str) -> list[StreamRow]:
    """Manifest rows with these fields."""
    return [row for row in manifest.rows if all(getattr(row, name) == value for name, value in where.items())]


def one(manifest: Manifest, **where: str) -> StreamRow:
    """The one manifest row with these fields."""
    (row,) = pick(manifest, **where)
    return row
