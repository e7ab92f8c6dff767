"""Extractors run on single files, with face tracks made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from affectssm.corpora.manifest import StreamRow
from affectssm.features.base import Extractor, Source
from affectssm.features.facebox import DIM, FaceRows
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, ShardReader, Track

MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"
SPEECH_SETTINGS: dict[str, Any] = {
    "model": "facebook/wav2vec2-base-960h",
    "revision": "",
    "chunk_s": 20.0,
    "overlap_s": 1.5,
    "batch": 8,
    "int8": False,
    "weights": "random",
    "size": "small",
    "weights_dir": "nowhere",
}
FLOW_SETTINGS: dict[str, Any] = {"size": 112, "grid": 4, "method": "dis_medium", "margin": 0.25}


def row(path: str = "a", kind: str = "video", **changes: Any) -> StreamRow:
    known: dict[str, Any] = {
        "corpus": "noxi", "split": "train", "recording": "001", "participant": "expert", "kind": kind, "path": path,
        "base": "root", "rate": 25.0, "frames": 1, "dim": 1, "duration_s": 1.0, "bytes": 0, "checksum": "sha256:0",
        "fold_group": "001", "language": "", "shard": "s00",
    }  # fmt: skip
    return StreamRow(**{**known, **changes})


def run(
    extractor: Extractor, path: Path, faces: FaceRows | None = None, **changes: Any
) -> tuple[Track, Source]:
    """Return the whole track and the source with its notes."""
    source = Source(row(**changes), path, faces)
    blocks = list(extractor.extract(source))
    assert blocks, "no rows"
    joined = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("value", "time", "valid")
    )
    return Track(*joined, blocks[0].rate), source


def face_rows(
    folder: Path, boxes: np.ndarray, times: np.ndarray, valid: np.ndarray | None = None
) -> FaceRows:
    """Return a face track with boxes (T, 4); the landmarks lie evenly on the box's diagonal."""
    value = np.zeros((len(boxes), DIM), np.float32)
    value[:, :4] = boxes
    along = np.linspace(0, 1, 468)
    points = boxes[:, None, :2] + along[None, :, None] * boxes[:, None, 2:]
    value[:, 4:] = points.reshape(len(boxes), -1)
    valid = np.ones(len(boxes), bool) if valid is None else valid
    value[~valid] = 0
    path = folder / "faces.h5"
    shard = ResumableShard(path, make_card("test", ["affectssm.errors"], {}))
    shard.write("001", "c", {"expert": Track(value, times, valid, 25.0)})
    shard.finish()
    return FaceRows(ShardReader(path), "001", "expert")
