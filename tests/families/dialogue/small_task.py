"""A task small enough to train on in seconds: four dialogues and a group, features that hold the label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affectssm.families.configuration import load_config
from affectssm.families.dialogue.run_settings import RunSettings
from affectssm.families.dialogue.stages.frames import FRAMES as WINDOWS
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track
from affectssm.timeline.index import Target, write_index

CLOCK_HZ = 25
FRAMES = 70
DIMS = {"egemapsv2": 3, "w2vbert2": 4, "clip": 3, "openface2": 2, "openpose": 2}
GROUPS = {"audio": ["egemapsv2", "w2vbert2"], "visual": ["clip", "openface2", "openpose"]}
MODULE = ["affectssm.evaluation.metrics"]
# corpus, split, recording, seats, window file
RECORDINGS = [
    ("noxi", "train", "001", ("expert", "novice"), "train"),
    ("noxi", "train", "002", ("expert", "novice"), "train"),
    ("noxi", "train", "003", ("expert", "novice"), "train"),
    ("noxi", "val", "010", ("expert", "novice"), "val"),
    ("noxi", "test-base", "020", ("expert", "novice"), "test"),
    ("noxi_add", "test-additional", "101", ("expert", "novice"), "test"),
    ("mpiigi", "val", "026", ("subjectPos2", "subjectPos3", "subjectPos4"), "test"),
    ("mpiigi", "val", "027", ("subjectPos2", "subjectPos3", "subjectPos4"), "test"),
    ("mpiigi", "test", "001", ("subjectPos1", "subjectPos2"), "test"),
]
LABELLED = ("train", "val")


def label(corpus: str, recording: str, seat: str) -> np.ndarray:
    rng = np.random.default_rng([len(corpus), int(recording), *seat.encode()])
    return (0.5 + 0.4 * np.sin(np.arange(FRAMES) / rng.uniform(4, 9) + rng.uniform(0, 6))).astype(np.float32)


def write_task(root: Path, content: str = "a") -> tuple[Path, list[Path]]:
    """Write windows and features; return the windows' folder and the features' folders."""
    folders = [root / "features" / f"{corpus}-demo" for corpus in ("noxi", "noxi_add", "mpiigi")]
    for folder in folders:
        own = [r for r in RECORDINGS if r[0] == folder.name.split("-")[0]]
        for feature, dim in DIMS.items():
            _write(folder / feature / "s00.h5", own, feature, dim, content)
        _write_labels(folder / "engagement" / "s00.h5", [r for r in own if r[1] in LABELLED], own, content)
    card = make_card("windows", MODULE, WINDOWS.told(CLOCK_HZ // 25))
    for part in ("train", "val", "test"):
        targets = [
            Target(
                corpus,
                split,
                "main",
                "s00",
                recording,
                seat,
                FRAMES,
                FRAMES,
                25.0,
                tuple(s for s in seats if s != seat),
            )
            for corpus, split, recording, seats, file in RECORDINGS
            if file == part
            for seat in seats
        ]
        write_index(root / "windows" / f"{part}.parquet", targets, WINDOWS, card)
    return root / "windows", folders


def _times() -> np.ndarray:
    return (np.arange(FRAMES) + 0.5) / CLOCK_HZ


def _write(path: Path, recordings: list, feature: str, dim: int, content: str) -> None:
    shard = ResumableShard(path, make_card(f"features/{feature}", MODULE, {}))
    for corpus, _, recording, seats, _ in recordings:
        tracks = {}
        for seat in seats:
            rng = np.random.default_rng([dim, int(recording), *seat.encode(), *feature.encode()])
            value = 0.3 * rng.standard_normal((FRAMES, dim)).astype(np.float32)
            value += label(corpus, recording, seat)[:, None]
            tracks[seat] = Track(value, _times(), np.ones(FRAMES, bool), float(CLOCK_HZ))
        shard.write(recording, content, tracks)
    shard.finish()


def _write_labels(path: Path, labelled: list, recordings: list, content: str) -> None:
    shard = ResumableShard(path, make_card("features/engagement", MODULE, {}))
    for corpus, _, recording, seats, _ in recordings:
        known = any(r[2] == recording for r in labelled)
        tracks = {
            seat: Track(
                label(corpus, recording, seat)[:, None], _times(), np.ones(FRAMES, bool), float(CLOCK_HZ)
            )
            for seat in seats
            if known
        }
        shard.write(recording, content, tracks)
    shard.finish()


def run_settings(
    model: str = "da_mamba", variant: str = "", selection: str = "val", **training
) -> RunSettings:
    """Settings of a run of eight steps in four epochs."""
    tiny = load_config({"scale": "tiny"}).dialogue
    own = getattr(tiny, model).model_dump() | {"dropout": 0.2}
    recipe = {
        "learning_rate": 3e-3, "weight_decay": 0.01, "batch": 4, "steps": 8, "steps_per_epoch": 2, "warmup_steps": 2,
        "clip_norm": 5.0, "ema_decay": 0.8, "ema_bias_correction": True, "lambda_ccc": 1.0, "lambda_align": 0.4,
        "temperature": 0.07, "negatives": 16, "scan_backend": "auto", "threads": 1,
    }  # fmt: skip
    name = f"{model}{'+' + variant if variant else ''}-multimediate{'-holdout' if selection == 'holdout' else ''}"
    told = {
        "experiment": name,
        "model": model,
        "variant": variant,
        "source": "multimediate",
        "selection": selection,
        "fold": "main",
        "seed": 1,
        "clock_hz": CLOCK_HZ,
        "groups": GROUPS,
        "model_settings": own,
        "training": recipe | training,
    }
    return RunSettings.model_validate(told)
