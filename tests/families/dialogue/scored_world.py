"""Small predictions, labels and manifests with known content, for the tests of evaluation and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.families.dialogue.run_settings import EvaluationSettings
from affectssm.families.dialogue.stages.frames import FRAMES as WINDOWS
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.store.shards import ResumableShard, Track
from affectssm.timeline.stitch import prediction_schema
from affectssm.timeline.windows import MISSING_SCHEMA

MODULE = ["affectssm.evaluation.metrics"]
PREDICTIONS = prediction_schema(WINDOWS)
# corpus, split -> recordings; two participants each
WORLD = {
    ("noxi", "test-base"): ["003", "004", "005"],
    ("noxi_add", "test-additional"): ["101", "102"],
    ("mpiigi", "test"): ["001", "002"],
    ("noxi", "val"): ["010", "011"],
    ("mpiigi", "val"): ["026"],
}
ROLES = ("expert", "novice")
FRAMES = 50


def truth(corpus: str, recording: str, role: str) -> np.ndarray:
    rng = np.random.default_rng([len(corpus), int(recording), ROLES.index(role)])
    return np.clip(0.5 + 0.3 * np.sin(np.arange(FRAMES) / 7 + rng.random() * 6), 0, 1)


def predicted(corpus: str, recording: str, role: str, seed: int, noise: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng([seed, int(recording), ROLES.index(role)])
    return truth(corpus, recording, role) + noise * rng.standard_normal(FRAMES)


def write_predictions(path: Path, seed: int, parts=None, skip=(), noise: float = 0.1) -> Path:
    """Predictions of one seed for the parts of WORLD, without the (recording, role) pairs in ``skip``."""
    columns = {name: [] for name in PREDICTIONS.names}
    for corpus, split in parts or WORLD:
        for recording in WORLD[corpus, split]:
            for role in ROLES:
                if (recording, role) in skip:
                    continue
                values = predicted(corpus, recording, role, seed, noise)
                columns["corpus"] += [corpus] * FRAMES
                columns["split"] += [split] * FRAMES
                columns["recording"] += [recording] * FRAMES
                columns["participant"] += [role] * FRAMES
                columns["frame"] += list(range(FRAMES))
                columns["time_s"] += [(i + 0.5) / 25 for i in range(FRAMES)]
                columns["target"] += [float("nan")] * FRAMES
                columns["prediction"] += values.tolist()
                columns["valid"] += [True] * FRAMES
    card = make_card("training/predict", MODULE, {}, fold="main", seed=seed, run={"packages": {"torch": "x"}})
    write_parquet(path, columns, PREDICTIONS, card)
    return path


def write_labels(root: Path, splits=("test-base", "test-additional", "test", "val"), spoil=()) -> list[Path]:
    """Label shards (``spoil``: recording, role, frame of invalid labels); returns the features' folders."""
    paths = []
    for corpus in ("noxi", "noxi_add", "mpiigi"):
        folder = root / "features" / f"{corpus}-demo"
        for feature, own in (("engagement", {"val"}), ("engagement_test", set(splits) - {"val"})):
            recordings = [
                r for (c, s), rs in WORLD.items() for r in rs if c == corpus and s in own & set(splits)
            ]
            _write_shard(folder / feature / "s00.h5", corpus, recordings, spoil)
        paths.append(folder)
    return paths


def _write_shard(path: Path, corpus: str, recordings: list[str], spoil) -> None:
    shard = ResumableShard(path, make_card("features/engagement", MODULE, {"corpus": corpus}))
    for recording in recordings:
        tracks = {}
        for role in ROLES:
            value = truth(corpus, recording, role).astype(np.float32)[:, None]
            valid = np.ones(FRAMES, bool)
            for bad_recording, bad_role, frame in spoil:
                if (bad_recording, bad_role) == (recording, role):
                    valid[frame], value[frame] = False, 0.0
            tracks[role] = Track(value, (np.arange(FRAMES) + 0.5) / 25, valid, 25.0)
        shard.write(recording, "content", tracks)
    shard.finish()


def write_missing(root: Path, rows=()) -> Path:
    """missing.parquet of a task; rows are (corpus, split, recording, participant, reason)."""
    columns = {name: [row[i] for row in rows] for i, name in enumerate(MISSING_SCHEMA.names)}
    write_parquet(root / "missing.parquet", columns, MISSING_SCHEMA, make_card("windows", MODULE, {}))
    return root / "missing.parquet"


def write_manifests(root: Path) -> list[Path]:
    paths = []
    for corpus in ("noxi", "noxi_add", "mpiigi"):
        rows = [
            StreamRow(
                corpus, split, recording, role, "annotation", "labels.csv", "root", 25.0, FRAMES, 1,
                FRAMES / 25, 10, "sha256:0", recording, "", "s00",
            )
            for (own, split), recordings in WORLD.items()
            if own == corpus
            for recording in recordings
            for role in ROLES
        ]  # fmt: skip
        path = root / "corpora" / f"{corpus}-demo" / "manifest.parquet"
        write_manifest(path, rows, make_card("corpora/manifest", MODULE, {}))
        paths.append(path)
    return paths


def settings(
    split: str = "test", seeds=(1, 2), experiment: str = "da_mamba-extracted-demo", **more
) -> EvaluationSettings:
    cells = ["noxi_base", "noxi_add", "mpiigi"] if split == "test" else ["noxi_base", "mpiigi"]
    told = {
        "experiment": experiment,
        "split": split,
        "cells": cells,
        "source": "extracted",
        "seeds": list(seeds),
        "scorer": "by_frame",
    } | more
    return EvaluationSettings.model_validate(told)
