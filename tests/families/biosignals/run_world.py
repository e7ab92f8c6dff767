"""Epochs out of a random generator, in shards, and the files of finished runs on them, for tests of the stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import h5py
import numpy as np
import torch

from affectssm.families.biosignals.run_settings import ChoosingSettings, RunSettings
from affectssm.families.biosignals.stages.format import SCHEMA
from affectssm.families.biosignals.stages.masks import masks
from affectssm.families.biosignals.stages.segments import open_store, rated_folds
from affectssm.models.bimamba_tta import BiMambaTTA
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.settings.signal_models import BiMambaTTASettings
from affectssm.store.card import dumps
from affectssm.store.parquet import write_parquet
from affectssm.timeline.segments import ChannelScaler
from affectssm.training.fold_runs import prefixed, tensors_of
from affectssm.training.run_files import CHECKPOINT, write_config, write_tensors
from affectssm.training.segments import rows_learnt
from tests.models.physio import CHANNELS, RATE, SAMPLES, SMALL, segments, small

TRIALS, EPOCHS = 4, 3
PROTOCOL = ProtocolSettings(folds=2).model_dump(mode="json")
NARROW = {**SMALL, "windows_s": (0.25,)}
MODALITIES = ["gsr", "eeg", "eog"]  # not the alphabet's order
ORDERED = {name: CHANNELS[name] for name in MODALITIES}
SEED = 5
LOOSE = {
    "eata": {"entropy_margin": 1.0, "cosine_margin": 2.0, "learning_rate": 0.01, "fisher_weight": 0.1},
    "bim_tta": {"iterations": 3},
}
METHODS = ["none", "tent", "eata", "read", "tltta", "bim_tta"]
Rating = Callable[[str, str, str], float]
"""(dimension, subject, trial) -> rating."""


def middling(dimension: str, subject: str, trial: str) -> float:
    """3 or 7; one trial has no rating."""
    if (subject, trial) == ("s02", "v3"):
        return np.nan
    return 7.0 if trial in {"valence": ("v0", "v3"), "arousal": ("v0", "v1", "v2")}[dimension] else 3.0


def write_shard(path: Path, subjects: Iterable[str], rating: Rating = middling, seed: int = 0) -> Path:
    """Write the epochs of some subjects."""
    subjects = list(subjects)
    rows = [(s, f"v{t}", e) for s in subjects for t in range(TRIALS) for e in range(EPOCHS)]
    rng = np.random.default_rng([seed, *(int(subject[1:]) for subject in subjects)])
    card = {"id": f"epochs of {subjects}", "stage": "epochs"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["card"] = dumps(card)
        for name, count in CHANNELS.items():
            value = 10 + 3 * rng.standard_normal((len(rows), count, SAMPLES)).astype(np.float32)
            file.create_dataset(f"{name}/value", data=value)
    columns = {
        "corpus": ["deap"] * len(rows), "shard": [path.stem] * len(rows), "row": range(len(rows)),
        "subject": [s for s, _, _ in rows], "trial": [t for _, t, _ in rows], "epoch": [e for _, _, e in rows],
        "start_s": [4.0 * e for _, _, e in rows],
        **{kind: [kind in CHANNELS and (kind, e) != ("gsr", 1) for _, _, e in rows]
           for kind in ("eeg", "eog", "emg", "ecg", "gsr")},
        **{name: [rating(name, s, t) for s, t, _ in rows] for name in ("valence", "arousal")},
    }  # fmt: skip
    write_parquet(path.with_suffix(".parquet"), columns, SCHEMA, card)
    return path


def run_settings(dimension: str = "valence", **changes) -> dict:
    return {
        "experiment": f"bimamba_tta-deap_{dimension}", "model": "bimamba_tta", "variant": "", "corpus": "deap",
        "dimension": dimension, "seed": SEED, "modalities": MODALITIES, "rate_hz": float(RATE), "protocol": PROTOCOL,
        "model_settings": BiMambaTTASettings(**NARROW).model_dump(mode="json"),
        "training": {"threads": 1, "scan_backend": "auto"}, **changes,
    }  # fmt: skip


def told(settings: dict) -> RunSettings:
    return RunSettings.model_validate(settings)


def choosing(**changes) -> ChoosingSettings:
    """What is told of adaptation on a corpus."""
    own = {"methods": METHODS, "adaptation": {}, "missing": {}, "choice": {}, "modalities": MODALITIES}
    return ChoosingSettings.model_validate(own | changes)


def fold_model(number: int) -> BiMambaTTA:
    """The model of the n-th fold of a run: its answers differ from sample to sample as a trained one's do."""
    model = small(ORDERED, seed=number, windows_s=NARROW["windows_s"]).eval()
    with torch.no_grad():
        output = model(segments(64, seed=99))
        heads = [
            (model.head, output.logits),
            *zip(model.heads.values(), output.modalities.values(), strict=True),
        ]
        for head, logits in heads:
            margin = logits[:, 1] - logits[:, 0]
            head[2].weight.mul_(1.5 / margin.std())
            head[2].bias.mul_(1.5 / margin.std())
            head[2].bias[0] += 1.5 * margin.mean() / margin.std()
    return model


def write_run(folder: Path, epochs: Iterable[Path], settings: dict, part: str = "s00") -> Path:
    """Write the files of a finished run: another model every fold, as sure of itself as a trained one."""
    store = open_store(list(epochs))
    protocol = ProtocolSettings.model_validate(settings["protocol"])
    found = rated_folds(store.index, protocol, part, settings["dimension"])
    tensors = {}
    for number, fold in enumerate(found):
        scaler = ChannelScaler.learn(store, rows_learnt(store.index, fold))
        tensors |= prefixed(number, tensors_of(fold_model(number), scaler))
    store.close()
    run_dir = folder / settings["experiment"] / part / str(settings["seed"])
    effective = {"folds": [fold.name for fold in found], "channels": ORDERED, "samples": SAMPLES}
    write_config(run_dir / "config.yaml", {**settings, **effective})
    card = {"id": f"{settings['experiment']}-{part}", "stage": "training/trials", "settings": settings}
    write_tensors(run_dir / CHECKPOINT, tensors, card)
    return run_dir


def write_masks_of(folder: Path, shard: Path, missing: dict, seed: int = SEED) -> list[Path]:
    """Write the masks of a shard; its files."""
    out = folder / "masks" / shard.stem / str(seed)
    masks(choosing(missing=missing), [shard], str(seed), out)
    return sorted(out.iterdir())
