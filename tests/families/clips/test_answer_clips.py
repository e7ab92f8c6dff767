"""Answers for clips that are handed over: those of the run's own cutting, with what is missing masked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affectssm.corpora.manifest import read_manifest, write_manifest
from affectssm.errors import ConfigError, DataError
from affectssm.families.clips import served
from affectssm.families.clips.run_settings import CutSettings
from affectssm.families.clips.stages.answer import answer
from affectssm.families.clips.stages.cut import cut_shard
from affectssm.families.clips.stages.data import ClipDataset, open_store
from affectssm.families.clips.stages.task import Sentiment
from affectssm.families.clips.stages.whole import whole_model
from affectssm.store.card import make_card
from affectssm.timeline.segments import ChannelScaler
from affectssm.training.fold_runs import prefixed, tensors_of
from affectssm.training.run_files import CHECKPOINT, write_config, write_tensors
from tests.families.clips.clip_store import told
from tests.families.clips.test_cut_clips import CLIPS, world

GROUPS = {
    "text": ["aligned_text"],
    "audio": ["aligned_audio", "unaligned_audio"],
    "vision": ["aligned_vision"],
}
CUT = {"source": "aligned", "groups": GROUPS, "steps": 8, "words": False}
DIMS = {"text": 3, "audio": 3, "vision": 2}
CARD = make_card("test", ["affectssm.errors"], {})


@pytest.fixture(scope="module", params=["regression", "classification"])
def made(request, tmp_path_factory) -> tuple[Path, dict, Path, Path, np.ndarray]:
    """A run with two seeds of random weights, manifest and features of clips, and what the run answers to its cuts."""
    folder = tmp_path_factory.mktemp("answered")
    manifest, features = world(folder)
    out = folder / "segments" / "s00.h5"
    cut_shard(
        CutSettings.model_validate(CUT), manifest, features, "s00", out, out.with_suffix(".parquet"),
        folder / "faults.parquet",
    )  # fmt: skip
    store = open_store([out])
    run_settings = told(request.param, seeds=(1, 2))
    scaler = ChannelScaler.learn(store, np.arange(len(store.index)), list(DIMS))
    tensors, answers = {}, None
    for number in range(2):
        torch.manual_seed(number)
        model, _ = whole_model(run_settings, DIMS, {})
        tensors |= prefixed(number, tensors_of(model, scaler))
        data = ClipDataset(store, np.arange(len(store.index)), scaler, list(DIMS), np.zeros(len(store.index)))
        with torch.no_grad():
            answers = Sentiment(model.eval(), request.param).answer(data[np.arange(len(data))])[0].numpy()
    run = folder / "run"
    config = {**run_settings.told(), "dims": DIMS, "diverged": []}
    write_config(run / "config.yaml", config)
    write_tensors(run / CHECKPOINT, tensors, CARD)
    assert [key[2] for key in store.index.key] == sorted(CLIPS)
    assert answers is not None
    return run, {**config, "cut": CUT}, manifest, features, answers


def test_answers_are_those_of_the_stage(made, tmp_path):
    run, config, manifest, features, expected = made
    found = answer(run, {**config, "set": "seed2"}, manifest, features, tmp_path, "")
    assert found["recording"].to_pylist() == sorted(CLIPS)
    names = list(served.quantities(config))
    assert np.allclose(np.stack([found[name].to_numpy() for name in names], 1), expected, atol=1e-6)
    assert all(found["valid"].to_pylist())
    assert found["time_s"].to_pylist() == [seconds / 2 for seconds in found["stop_s"].to_pylist()]
    other = answer(run, {**config, "set": "seed1"}, manifest, features, tmp_path, "")
    assert not np.allclose(other[names[0]].to_numpy(), expected[:, 0], atol=1e-3)


def test_who_has_nothing_is_not_valid_and_several_people_share_a_clip(made, tmp_path):
    run, config, manifest, features, expected = made
    rows = read_manifest(manifest)
    clip = next(row for row in rows if row.recording == "v1[0]")
    write_manifest(tmp_path / "m.parquet", [*rows, replace(clip, participant="nobody")], CARD)
    found = answer(
        run, {**config, "set": "seed2"}, tmp_path / "m.parquet", features, tmp_path, ""
    ).to_pylist()
    assert [row["participant"] for row in found if row["recording"] == "v1[0]"] == ["nobody", "speaker"]
    assert [row["valid"] for row in found if row["recording"] == "v1[0]"] == [False, True]
    assert sum(row["valid"] for row in found) == len(expected)


def test_features_of_other_dimensions_are_refused(made, tmp_path):
    run, config, manifest, features, _ = made
    with pytest.raises(DataError, match="weights that do not fit"):
        answer(run, {**config, "dims": DIMS | {"text": 4}, "set": "seed2"}, manifest, features, tmp_path, "")
    with pytest.raises(DataError, match="3 columns"):
        groups = GROUPS | {"vision": ["aligned_text"]}
        answer(
            run,
            {**config, "cut": {**CUT, "groups": groups}, "set": "seed2"},
            manifest,
            features,
            tmp_path,
            "",
        )


def test_what_a_run_says_of_itself(made):
    _, config, *_ = made
    assert served.features(config) == ["aligned_text", "aligned_audio", "unaligned_audio", "aligned_vision"]
    assert served.sets(config | {"diverged": [1]}) == ("seed2",)
    assert served.quantities(config | {"task": "regression", "corpus": "sims"}) == {"sentiment": (-1.0, 1.0)}
    with pytest.raises(ConfigError, match="tuned with the model"):
        served.features(config | {"tuned": {"encoder": {}}})
