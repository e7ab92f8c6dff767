"""Answers for recordings that are handed over: those of the run to the same epochs, adapted or not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affectssm.adaptation.build import build_method
from affectssm.adaptation.stream import run_stream
from affectssm.corpora.manifest import StreamRow, write_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.families.biosignals import served
from affectssm.families.biosignals.stages.answer import answer
from affectssm.settings.adaptation import AdaptationSettings
from affectssm.store.card import make_card
from affectssm.store.shards import ResumableShard, Track
from affectssm.training.fold_runs import FoldRuns
from tests.families.biosignals.run_world import MODALITIES, ORDERED, run_settings, write_run, write_shard
from tests.families.biosignals.test_cut import row
from tests.models.physio import RATE, SAMPLES

CARD = make_card("test", ["affectssm.errors"], {})
EPOCHS = 9
LOOSE = {"batch": 4, "tent": {"learning_rate": 0.05}}
BESIDE = {
    "epochs": {"length_s": SAMPLES / RATE, "rate_hz": RATE, "recorded": "raw"},
    "adaptation": LOOSE,
    "chosen": {},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    return write_run(folder / "runs", [write_shard(folder / "s00.h5", ["s01", "s02"])], run_settings())


def signals(kind: str, samples: int) -> np.ndarray:
    rng = np.random.default_rng([*map(ord, kind)])
    return (10 + 3 * rng.standard_normal((samples, ORDERED[kind]))).astype(np.float32)


def world(folder: Path, kinds=tuple(MODALITIES), samples: int = EPOCHS * SAMPLES + 5) -> tuple[Path, Path]:
    """A manifest of one recording and its tracks."""
    rows: list[StreamRow] = []
    time = (np.arange(samples) + 0.5) / RATE
    for kind in kinds:
        shard = ResumableShard(folder / "features" / kind / "s00.h5", CARD)
        shard.write("rec", "c", {"s00": Track(signals(kind, samples), time, np.ones(samples, bool), RATE)})
        shard.finish()
        own = {"recording": "rec", "participant": "s00", "dim": ORDERED[kind], "duration_s": samples / RATE}
        rows.append(replace(row(kind, "rec.bdf", rate=float(RATE), frames=samples), **own))
    write_manifest(folder / "manifest.parquet", rows, CARD)
    return folder / "manifest.parquet", folder / "features"


def epochs(runs: FoldRuns, fold: str, kinds=tuple(MODALITIES)) -> dict[str, torch.Tensor]:
    """The recording's epochs as the model sees them, cut by hand."""
    scaler, found = runs.scaler(fold), {}
    for kind in MODALITIES:
        value = (
            signals(kind, EPOCHS * SAMPLES + 5)[: EPOCHS * SAMPLES]
            .reshape(EPOCHS, SAMPLES, -1)
            .transpose(0, 2, 1)
        )
        scaled = (value - scaler.mean[kind]) / scaler.std[kind]
        found[kind] = torch.from_numpy((scaled if kind in kinds else 0 * scaled).astype(np.float32))
    return found


def told(run: Path, fold: str) -> dict:
    return {**FoldRuns(run).settings, **BESIDE, "set": fold}


@pytest.mark.parametrize("kinds", [tuple(MODALITIES), ("eeg",)])
def test_answers_are_the_models_to_the_same_epochs(run, tmp_path, kinds):
    runs = FoldRuns(run)
    fold = runs.names[1]
    found = answer(run, told(run, fold), *world(tmp_path, kinds), tmp_path, "none")
    with torch.no_grad():
        expected = runs.model(fold)(epochs(runs, fold, kinds)).probabilities[:, 1].numpy()
    assert np.allclose(found["valence_high"].to_numpy(), expected, atol=1e-4)
    assert found["valence_class"].to_pylist() == (expected > 0.5).astype(float).tolist()
    assert found["start_s"].to_pylist() == [SAMPLES / RATE * at for at in range(EPOCHS)]
    assert all(found["valid"].to_pylist())


def test_adaptation_meets_the_epochs_in_their_order_in_batches(run, tmp_path):
    runs = FoldRuns(run)
    fold, where = runs.names[0], world(tmp_path)
    table = answer(run, told(run, fold), *where, tmp_path, "tent")
    found = table["valence_high"].to_numpy()
    values = epochs(runs, fold)
    method = build_method("tent", runs.model(fold), AdaptationSettings.model_validate(LOOSE))
    batches = [{name: x[at : at + 4] for name, x in values.items()} for at in range(0, EPOCHS, 4)]
    assert np.allclose(found, run_stream(method, batches).probabilities[:, 1].detach().numpy(), atol=1e-3)
    plain = answer(run, told(run, fold), *where, tmp_path, "")["valence_high"].to_numpy()
    assert (most := np.abs(found - plain).max()) > 1e-3
    (note,) = json.loads(table.schema.metadata[b"notes"])
    assert note.startswith(f"adapted by tent: 3 updates with {EPOCHS} of {EPOCHS} epochs")
    assert f"more than {most:.2g} from" in note
    again = answer(run, told(run, fold), *where, tmp_path, "tent")["valence_high"].to_numpy()
    assert np.array_equal(found, again)


def test_what_cannot_be_cut_is_refused(run, tmp_path):
    settings = told(run, FoldRuns(run).names[0])
    with pytest.raises(DataError, match="the length of an epoch"):
        answer(run, settings, *world(tmp_path / "short", samples=SAMPLES - 1), tmp_path, "")
    manifest, _ = world(tmp_path / "other")
    with pytest.raises(DataError, match="one of gsr, eeg, eog"):
        answer(run, settings, manifest, tmp_path / "nowhere", tmp_path, "")
    with pytest.raises(ConfigError):
        answer(run, settings, *world(tmp_path / "eata"), tmp_path, "eata")


def test_what_a_run_says_of_itself(run):
    config = FoldRuns(run).settings
    assert served.features(config) == MODALITIES
    assert list(served.quantities(config)) == ["valence_high", "valence_class"]
    assert served.sets(config) == tuple(FoldRuns(run).names)
    assert "eata" not in served.ANSWERING.adapts
