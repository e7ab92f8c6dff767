"""Segments of clips as the stage before training writes them, made or real, and what a run on them is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages.format import CLIPS
from affectssm.families.clips.stages.modalities import TOKENS
from affectssm.store.card import make_card
from affectssm.timeline.segment_writer import Cut, write_index, written_segments
from tests.families.clips.answered_clips import MODULE

DIMS = {"text": 5, "audio": 3, "vision": 4}
COUNTS = {"train": 40, "val": 12, "test": 12}
Arrays = Mapping[str, np.ndarray]
"""Modality -> (N, L, D); a clip all of NaN lacks it, a step with a NaN does not count."""


def write_clips(path: Path, arrays: Arrays, label: np.ndarray, split: Sequence[str], first: int = 0) -> Path:
    """Write a shard; three clips are of a video."""
    shapes = {name: value.shape[:0:-1] for name, value in arrays.items()}
    card = make_card(
        "clips/segments", MODULE, {"of": path.stem, "label": np.nan_to_num(label, nan=9.0).tolist()}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_segments(path, CLIPS, shapes, card, masked=True) as file:
        for at in range(len(label)):
            cuts = {}
            for name, value in arrays.items():
                valid = ~np.isnan(value[at]).any(axis=1)
                if valid.any():
                    own = np.where(valid[:, None], value[at], 0).astype(np.float32)
                    cuts[name] = Cut(own.T[None], np.array([True]), valid[None])
            video = f"v{(first + at) // 3:02d}"
            item = {
                "corpus": "mosei", "shard": path.stem, "video": video, "recording": f"{video}[{(first + at) % 3}]",
                "split": split[at], "sentiment": float(label[at]),
            }  # fmt: skip
            file.append(item, 1, 1.0, cuts)
    write_index(path.with_suffix(".parquet"), CLIPS, file.rows, card)
    return path


def made(length: int = 6, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray, list[str]]:
    """Clips whose sentiment is said, heard and seen, with steps and modalities that are not there."""
    rng, split = np.random.default_rng(seed), [name for name, n in COUNTS.items() for _ in range(n)]
    label = rng.permutation(np.linspace(-3, 3, len(split))).round(2)  # no two alike
    arrays = {
        n: 5 + rng.normal(size=(len(split), length, dim)) + label[:, None, None] for n, dim in DIMS.items()
    }
    for value in arrays.values():
        value[rng.random(value.shape[:2]) < 0.1] = np.nan
        value[rng.permutation(len(split))[:3]] = np.nan
    ids = rng.integers(1000, 1010, (len(split), length, 1)).astype(float)
    ids[:, -1] = np.nan
    return {**arrays, TOKENS: ids}, label, split


def write_halves(folder: Path, arrays: Arrays, label: np.ndarray, split: Sequence[str]) -> list[Path]:
    """Write two shards with a part of every split each."""
    halves = [np.arange(start, len(label), 2) for start in (0, 1)]
    return [
        write_clips(
            folder / f"s{n:02d}.h5",
            {name: value[rows] for name, value in arrays.items()}, label[rows], [split[at] for at in rows], 100 * n,
        )
        for n, rows in enumerate(halves)
    ]  # fmt: skip


def told(
    task: str = "regression", seeds: Sequence[int] = (1,), training: Any = None, **changes: Any
) -> RunSettings:
    """Settings of a run of a small Coupled Mamba; those of the model and of the training are added to small ones."""
    small = {
        "d_model": 8,
        "layers": 1,
        "d_state": 2,
        "dt_rank": 1,
        "hidden": 8,
        "dt_min": 0.05,
        "dt_max": 0.5,
    }
    recipe = {"epochs": 3, "learning_rate": 0.01, "halved_every": 2, "scan_backend": "auto"}
    given = {
        "experiment": f"coupled_mamba-mosei_aligned_{task}", "model": "coupled_mamba", "variant": "", "corpus": "mosei",
        "source": "aligned", "task": task, "modalities": list(DIMS), "left_out": [], "language": "english",
        "seeds": list(seeds), "batch": 16,
        "model_settings": {**small, "dropout": 0.1, **changes.pop("model_settings", {})},
        "training": recipe | (training or {}),
    }  # fmt: skip
    return RunSettings.model_validate(given | changes)
