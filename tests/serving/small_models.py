"""Finished runs with random weights, in the files that training writes, and packs of them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from affectssm.evaluation.frame_rows import SCHEMA
from affectssm.families.configuration import load_config
from affectssm.families.dialogue import experiments as dialogues
from affectssm.families.video import experiments as videos
from affectssm.families.video.stages.frames import frames_of
from affectssm.features.weights import seed_of
from affectssm.settings.features import decisive, settings_of
from affectssm.store.card import make_card
from affectssm.store.parquet import write_parquet
from affectssm.timeline.index import write_index
from affectssm.timeline.scaler import Scaler
from affectssm.training.frame_models import build_model
from affectssm.training.run_files import CHECKPOINT, write_checkpoint, write_config, write_history

TINY = {"scale": "tiny", "families": ["dialogue", "video"]}
DIM = 4


def video_run(results: Path, source: str = "mae", seed: int = 1, tuned: dict | None = None, **over) -> Path:
    """A run of Mamba-VA on fold 0 with its window index and metrics; ``over`` changes its configuration."""
    config = load_config(TINY)
    told = videos.run_settings(config, videos.Experiment("", source, (0,)), 0, seed) | over
    name = f"{told['experiment']}-affwild2-tiny"
    frames = frames_of(10, 8)
    card = make_card("windows", ["affectssm.timeline.clock"], frames.told(1))
    write_index(
        results / "windows" / f"valence_arousal-{source}-official-affwild2-tiny" / "labelled.parquet",
        [],
        frames,
        card,
    )
    run = _write(results / "runs" / name / "fold0" / str(seed), told, "video/train", config, tuned=tuned)
    write_metrics(results / "metrics" / name / f"seeds-{seed}.parquet", "fold0", seed, ("valence", "arousal"))
    return run


def dialogue_run(results: Path, groups: dict, seed: int = 1, sessions: tuple[str, ...] = ()) -> Path:
    """A run of DA-Mamba on some features; with ``sessions`` one that was adapted, with weights of each left out."""
    config = load_config({**TINY, "dialogue": {"groups": {"own": groups}, "sources": ["own"]}})
    variant = "adapt_mpiigi" if sessions else ""
    one = dialogues.Experiment("da_mamba", variant, "own", "val")
    told = dialogues.run_settings(config, one, seed)
    folder = results / "runs" / f"{told['experiment']}-demo-tiny" / told["fold"] / str(seed)
    return _write(folder, told, "training/adapt" if sessions else "training/fit", config, sessions)


def _write(run: Path, told: dict, stage: str, config, sets: tuple[str, ...] = (), tuned=None) -> Path:
    names = [name for group in told["groups"].values() for name in group]
    dims = dict.fromkeys(names, 64 if names[0] == "wav2vec2" else DIM)
    made = {}
    for name in names:
        settings = json.loads(json.dumps(decisive(settings_of(name, config.features))))
        encoder = {"encoder": {"random_seed": seed_of(settings["model"])}} if "weights" in settings else {}
        extra = encoder | ({"tuned": tuned} if tuned else {})
        made[name] = {"code": "0" * 16, "settings": settings, "extra": extra}
    card = make_card(stage, ["affectssm.timeline.clock"], told, seed=told["seed"], features=made)
    torch.manual_seed(told["seed"])
    weights = {}
    for prefix in [f"{one}/" for one in sets] or [""]:
        model = build_model(told["model"], told["model_settings"], dims, told["groups"])
        weights |= {f"{prefix}{name}": value for name, value in model.state_dict().items()}
    scaler = Scaler({n: torch.zeros(d) for n, d in dims.items()}, {n: torch.ones(d) for n, d in dims.items()})
    found = {"feature_dims": dims, "parameters": 1, "best_epoch": 0, "best_val_ccc": 0.25}
    write_config(run / "config.yaml", {**told, **found, **({"folds": list(sets)} if sets else {})})
    write_history(run / "history.csv", [{"epoch": 0, "step": 2, "loss": 1.0, "val_ccc": 0.25}])
    write_checkpoint(run / CHECKPOINT, weights, scaler, card)
    return run


def write_metrics(path: Path, fold: str, seed: int, metrics: tuple[str, ...], value: float = 0.125) -> None:
    """Write what an evaluation of a run says of each of some metrics."""
    blank = dict.fromkeys(SCHEMA.names)
    rows = [
        blank | {"level": level, "fold": fold, "seed": number, "cell": fold, "corpus": "affwild2", "split": fold,
                 "metric": metric, "value": value, "n_used": 3, "n_expected": 4, "missing": [], "reason": ""}
        for metric in metrics
        for level, number in (("run", seed), ("run", seed + 7), ("summary", -1))
    ]  # fmt: skip
    write_parquet(path, {name: [row[name] for row in rows] for name in SCHEMA.names}, SCHEMA, {"id": "x"})


def changed(
    pack: Path, out: Path, member: str, change: Callable[[bytes], bytes | None], resign: bool = True
) -> Path:
    """Write a pack again with another content of a member, None for without it; the index has its hash if wanted."""
    import hashlib

    with zipfile.ZipFile(pack) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    own = change(members.get(member, b""))
    members = (
        {**members, member: own} if own is not None else {k: v for k, v in members.items() if k != member}
    )
    if resign and member != "index.json":
        index = json.loads(members["index.json"])
        index["members"].pop(member, None)
        if own is not None:
            index["members"][member] = {"sha256": hashlib.sha256(own).hexdigest(), "bytes": len(own)}
        members["index.json"] = json.dumps(index).encode()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out
