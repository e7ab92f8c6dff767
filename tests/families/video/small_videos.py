"""Aff-Wild2 small enough to train on in seconds: a few videos with features that hold the labels, in noise."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.families.video.run_settings import EvaluationSettings, RunSettings, WindowSettings
from affectssm.families.video.stages.frames import frames_of
from affectssm.families.video.stages.windows import write_windows
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.store.shards import ResumableShard, Track
from affectssm.timeline.stitch import prediction_schema

MODULE = ["affectssm.evaluation.metrics"]
CORPUS = "affwild2"
WIDTH = 6  # of the features
COLUMNS = ("valence", "arousal")


@dataclass(frozen=True)
class Video:
    """A video: its people by name, frames and frames a second; ``without``: kinds that it lacks."""

    name: str
    split: str
    frames: int
    rate: float
    people: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return self.people or (self.name,)


VIDEOS = (
    Video("video1", "train", 70, 30.0),
    Video("video2", "train", 60, 25.0, ("video2_left", "video2_right")),
    Video("3-30-1280x720", "train", 50, 30.0),
    Video("video4", "train", 75, 24.0),
    Video("video5", "train", 33, 15.0),
    Video("video6", "train", 20, 25.0),  # shorter than a window
    Video("video7", "train", 66, 30.0),
    Video("video8", "train", 61, 25.0),
    Video("video9", "train", 72, 30.0),
    Video("video10_1", "val", 55, 25.0, ("video10_1_left", "video10_1_right")),
    Video("video10", "val", 64, 30.0),
    Video("video12", "val", 48, 24.0),
    Video("video13", "val", 40, 30.0, without=("crops",)),
    Video("video20", "test", 45, 30.0),
    Video("video21", "test", 30, 25.0, ("video21_left", "video21_right")),
    Video("video22", "test", 30, 25.0, without=("crops",)),
)
LENGTH, STRIDE, PREDICTED_STRIDE = 24, 16, 12


@dataclass(frozen=True)
class World:
    """Where its files are: manifests, ``results/windows/{task}``, and the corpus's folder of features."""

    manifests: list[Path]
    windows: Path
    features: list[Path]

    @property
    def missing(self) -> Path:
        return self.windows / "missing.parquet"


def truth(video: Video, person: str) -> np.ndarray:
    """(T, 2): valence and arousal."""
    rng = np.random.default_rng(list(person.encode()))
    period, phase = rng.uniform(12, 25, 2), rng.uniform(0, 6.28, 2)
    angle = 6.28 * np.arange(video.frames)[:, None] / period + phase
    return (0.7 * np.sin(angle)).astype(np.float32)


def label_valid(video: Video, person: str) -> np.ndarray:
    """(T,): a run of labels in the middle is invalid."""
    valid = np.ones(video.frames, bool)
    begin = video.frames // 3 + len(person)
    valid[begin : begin + 4] = False
    return valid


def write_world(root: Path, videos: Sequence[Video] = VIDEOS) -> World:
    """Write manifest, features, labels, the template's frames and window indexes."""
    manifest = root / "corpora" / f"{CORPUS}-demo" / "manifest.parquet"
    write_manifest(manifest, manifest_rows(videos), make_card("corpora/manifest", MODULE, {}))
    folder = root / "features" / f"{CORPUS}-demo"
    _write(folder, "mae", [video for video in videos if "crops" not in video.without], _features)
    _write(folder, "valence_arousal", [video for video in videos if video.split != "test"], _labels)
    windows = root / "windows" / "task"
    for part in ("training", "prediction"):
        write_windows(window_settings(part), [manifest], windows)
    return World([manifest], windows, [folder])


def manifest_rows(videos: Iterable[Video] = VIDEOS) -> list[StreamRow]:
    return [
        StreamRow(
            CORPUS, video.split, video.name, person, kind, f"{kind}/{person}", "root", video.rate, video.frames, 2,
            video.frames / video.rate, 10, "sha256:0", video.name, "", "s00",
        )
        for video in videos
        for person in video.names
        for kind in ("annotation", "crops", "video")
        if kind not in video.without and (kind != "annotation" or video.split != "test")
    ]  # fmt: skip


def window_settings(part: str, **changes) -> WindowSettings:
    told = {"kinds": ["crops"], "length": LENGTH, "stride": STRIDE, "predicted_stride": PREDICTED_STRIDE}
    return WindowSettings.model_validate({"part": part} | told | changes)


def _times(video: Video) -> np.ndarray:
    return (np.arange(video.frames) + 0.5) / video.rate


def _features(video: Video, person: str) -> Track:
    """The truth in some directions, in noise; some frames without a face, which carry the last one."""
    rng = np.random.default_rng([1, *person.encode()])
    mixing = np.random.default_rng(5).standard_normal((2, WIDTH))
    value = truth(video, person) @ mixing + 0.3 * rng.standard_normal((video.frames, WIDTH))
    valid = np.ones(video.frames, bool)
    gap = int(rng.integers(5, video.frames - 5))
    valid[gap : gap + 3] = False
    value[~valid] = value[gap - 1]
    return Track(value.astype(np.float16), _times(video), valid, video.rate)


def _labels(video: Video, person: str) -> Track:
    valid = label_valid(video, person)
    return Track(np.where(valid[:, None], truth(video, person), -5), _times(video), valid, video.rate)


def _write(folder: Path, feature: str, videos: Iterable[Video], track_of) -> None:
    shard = ResumableShard(folder / feature / "s00.h5", make_card(f"features/{feature}", MODULE, {}))
    for video in videos:
        shard.write(video.name, "content", {person: track_of(video, person) for person in video.names})
    shard.finish()


def run_settings(fold: int = 0, seed: int = 1, variant: str = "", **changes) -> RunSettings:
    """Settings of a run of a few short epochs."""
    recipe = {
        "batch": 4, "epochs": 4, "warmup_epochs": 1, "clip_norm": 1.0, "eps": 1e-7, "ema_decay": 0.0,
        "scan_backend": "reference", "threads": 1,
    }  # fmt: skip
    sizes = {"channels": [8, 8], "kernel": 3, "dropout": 0.1, "layers": 1, "d_state": 2, "hidden": 8}
    told = {
        "experiment": f"mamba_va{'+' * bool(variant)}{variant}-mae",
        "variant": variant,
        "source": "mae",
        "fold": fold,
        "cross_folds": 3,
        "selection": "inner",
        "exchanged": variant == "exchanged",
        "forward_fill": True,
        "seed": seed,
        "groups": {"visual": ["mae"]},
        "model": "mamba_va",
        "model_settings": sizes | {"conv_init": "fan_in"},
        "learning_rate": 5e-3,
        "weight_decay": 0.01,
        "training": recipe | {name: changes.pop(name) for name in list(changes) if name in recipe},
        "blend": "later",
    }
    return RunSettings.model_validate(told | changes)


def evaluation_settings(experiment: str = "mamba_va-mae", folds=(0,), seeds=(1, 2)) -> EvaluationSettings:
    told = {"experiment": experiment, "folds": list(folds), "cross_folds": 3, "seeds": list(seeds)}
    return EvaluationSettings.model_validate(told)


def predicted(video: Video, person: str, seed: int, noise: float = 0.2) -> np.ndarray:
    """(T, 2): the truth in noise, as a run may have predicted it."""
    rng = np.random.default_rng([seed, *person.encode()])
    return (truth(video, person) + noise * rng.standard_normal((video.frames, 2))).astype(np.float32)


def write_predictions(
    path: Path,
    seed: int,
    videos: Iterable[Video],
    fold: int = 0,
    skip: Collection[str] = (),
    noise: float = 0.2,
) -> Path:
    """predictions.parquet of a run that reports these videos, without the people to skip."""
    schema = prediction_schema(frames_of(1, 1))
    columns: dict[str, list] = {name: [] for name in schema.names}
    people = [(video, person) for video in videos for person in video.names if person not in skip]
    for video, person in people:
        values = predicted(video, person, seed, noise)
        own = {"corpus": CORPUS, "split": video.split, "recording": video.name, "participant": person}
        for name, value in own.items():
            columns[name] += [value] * video.frames
        columns["frame"] += range(video.frames)
        columns["time_s"] += _times(video).tolist()
        for number, column in enumerate(COLUMNS):
            columns[f"target.{column}"] += [float("nan")] * video.frames
            columns[f"prediction.{column}"] += values[:, number].tolist()
        columns["valid"] += [True] * video.frames
    told = {"fold": f"fold{fold}", "seed": seed, "run": {"packages": {"torch": "x"}}}
    write_parquet(path, columns, schema, make_card("video/predict", MODULE, {}, **told))
    return path


def agreement(x: np.ndarray, y: np.ndarray) -> float:
    """CCC as Lin (1989) has it, with population variances."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))
