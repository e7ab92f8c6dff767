"""Own recordings small enough to train on in seconds: features that hold the labels, in noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.families.configuration import load_config
from affectssm.families.recordings import experiments
from affectssm.families.recordings.run_settings import EvaluationSettings, RunSettings, WindowSettings
from affectssm.families.recordings.stages.windows import write_windows
from affectssm.settings.config import Config
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track

MODULE = ["affectssm.evaluation.metrics"]
CORPUS, HZ = "folder", 10.0
COLUMNS = ("valence", "effort")
SCALE = np.array([1.0, 40.0]), np.array([0.0, 50.0])  # of the second label, from about 10 to 90
GROUPS = {"audio": ("wav2vec2",), "visual": ("optical_flow",)}


@dataclass(frozen=True)
class One:
    """A participant of a recording: seconds; ``lacks``: kinds of streams that are not there."""

    recording: str
    who: str = "one"
    seconds: float = 8.0
    lacks: tuple[str, ...] = ()
    split: str = "all"
    group: str = ""
    starts: float = 0.0  # seconds from the start to the first label
    at: float = 0.0  # where in its frame a label's time is, in frames


PEOPLE = (
    One("talk", "anna"),
    One("talk", "ben", lacks=("annotation",)),
    One("walk", seconds=6.0, starts=1.0),
    One("mute", lacks=("audio",), at=0.5),
    One("sit", seconds=7.0, group="p1"),
    One("stand", seconds=5.5, group="p1"),
    One("blank", lacks=("audio", "video")),
)


@dataclass(frozen=True)
class World:
    """Where its files are: manifests, ``results/windows/{task}``, and the corpus's folder of features."""

    manifests: list[Path]
    windows: Path
    features: list[Path]


def truth(one: One) -> np.ndarray:
    """(T, 2), a row a label frame from the start of the recording."""
    rng = np.random.default_rng(list(f"{one.recording}/{one.who}".encode()))
    period, phase = rng.uniform(15, 30, 2), rng.uniform(0, 6.28, 2)
    angle = 6.28 * np.arange(round(one.seconds * HZ))[:, None] / period + phase
    return 0.8 * np.sin(angle) * SCALE[0] + SCALE[1]


def config(**recordings) -> Config:
    """A tiny configuration of these labels."""
    return load_config(
        {
            "scale": "tiny",
            "families": ["recordings"],
            "corpora": {"folder": {"root": "/own", "labels": {"names": list(COLUMNS)}}},
            "recordings": {"groups": {"both": GROUPS}, "sources": ["both"], "clock_hz": 20.0, "context": 4}
            | {"centre": 16, "folds": 3, "seeds": [1, 2]}
            | recordings,
        }
    )


def write_world(root: Path, people: Sequence[One] = PEOPLE, **recordings) -> World:
    """Write manifest, features, labels and windows."""
    folder = root / "features" / f"{CORPUS}-demo"
    manifest = root / "corpora" / f"{CORPUS}-demo" / "manifest.parquet"
    write_manifest(manifest, manifest_rows(people), make_card("corpora/manifest", MODULE, {}))
    _write(folder, "wav2vec2", [one for one in people if "audio" not in one.lacks], _features)
    _write(folder, "optical_flow", [one for one in people if "video" not in one.lacks], _features)
    for feature, tests in (("folder_labels", False), ("folder_labels_test", True)):
        held = [one for one in people if "annotation" not in one.lacks and (one.split == "test") is tests]
        _write(folder, feature, held, _labels)
    windows = root / "windows" / "task"
    told = experiments.window_settings(config(**recordings), "both", ("audio", "video"))
    write_windows(WindowSettings.model_validate(told), [manifest], windows)
    return World([manifest], windows, [folder])


def manifest_rows(people: Sequence[One] = PEOPLE) -> list[StreamRow]:
    """Rows as the reader of own recordings writes them."""
    return [
        StreamRow(
            CORPUS, one.split, one.recording, one.who, kind, f"{kind}/{one.recording}.{one.who}", "root",
            HZ if kind == "annotation" else 25.0, round((one.seconds - start) * HZ), 2, one.seconds, 10, "sha256:0",
            one.group or one.recording, "", "s00", start,
        )
        for one in people
        for kind in ("annotation", "audio", "video")
        if kind not in one.lacks
        for start in [one.starts if kind == "annotation" else 0.0]
    ]  # fmt: skip


def _features(one: One, name: str) -> Track:
    """The truth in some directions, in noise, at 20 Hz."""
    rng = np.random.default_rng([len(name), *f"{one.recording}/{one.who}".encode()])
    mixing = np.random.default_rng(len(name)).standard_normal((2, 4))
    own = np.repeat((truth(one) - SCALE[1]) / SCALE[0], 2, axis=0)
    value = own @ mixing + 0.2 * rng.standard_normal((len(own), 4))
    time = (np.arange(len(own)) + 0.5) / (2 * HZ)
    return Track(value.astype(np.float32), time, np.ones(len(own), bool), 2 * HZ)


def _labels(one: One, name: str) -> Track:
    """From the first label on; two in the middle are invalid."""
    value = truth(one)[round(one.starts * HZ) :]
    valid = np.ones(len(value), bool)
    valid[20:22] = False
    time = one.starts + (np.arange(len(value)) + one.at) / HZ
    return Track(np.where(valid[:, None], value, 0).astype(np.float32), time, valid, HZ)


def _write(folder: Path, feature: str, people: Sequence[One], track_of) -> None:
    if not people:
        return
    shard = ResumableShard(folder / feature / "s00.h5", make_card(f"features/{feature}", MODULE, {}))
    for recording in sorted({one.recording for one in people}):
        own = {one.who: track_of(one, feature) for one in people if one.recording == recording}
        shard.write(recording, "content", own)
    shard.finish()


def run_settings(part: str = "fold1", seed: int = 1, model: str = "da_mamba", **changes) -> RunSettings:
    """Settings of a run."""
    told = experiments.run_settings(config(), experiments.Experiment(model, "both"), part, seed)
    recipe = told["training"] | {
        name: changes.pop(name) for name in list(changes) if name in told["training"]
    }
    return RunSettings.model_validate(told | {"training": recipe} | changes)


def evaluation_settings(seeds=(1,)) -> EvaluationSettings:
    """Settings of an evaluation."""
    told = experiments.evaluation_settings(config(), experiments.Experiment("da_mamba", "both"), seeds)
    return EvaluationSettings.model_validate(told)


def agreement(x: np.ndarray, y: np.ndarray) -> float:
    """CCC as Lin (1989) has it, with population variances."""
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))
