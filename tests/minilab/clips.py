"""Clips as a model sees them: the mean of a clip's valid vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import read_manifest
from affectssm.store.shards import ShardReader


def clips_of(manifest: Path, *splits: str) -> list[str]:
    """Return the clips of some parts, sorted."""
    return sorted({row.recording for row in read_manifest(manifest) if row.split in splits})


def means(folders: Sequence[Path], feature: str, clips: Sequence[str]) -> np.ndarray:
    """Return (clips, D): the mean of each clip's valid rows, 0 without any.

    Args:
        folders: ``results/features/{corpus}-{edition}``.
        feature: whose tracks.
        clips: in the order of the rows.
    """
    found = {}
    wanted = set(clips)
    for file in sorted(path for folder in folders for path in (folder / feature).glob("*.h5")):
        with ShardReader(file) as reader:
            tracks = reader.keys()
            for clip, speaker in tracks:
                if clip in wanted:
                    track = reader.track(clip, speaker)
                    found[clip] = (
                        track.value[track.valid].mean(axis=0) if track.valid.any() else track.value[0] * 0
                    )
    return np.stack([found[clip] for clip in clips]).astype(np.float64)
