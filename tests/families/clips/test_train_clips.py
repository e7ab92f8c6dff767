"""Runs on clips: what they answer, what they may look at, what a kill loses, and what a seed that diverges leaves."""

from __future__ import annotations

import csv
import math
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

from affectssm.errors import DataError
from affectssm.families.clips.run_settings import EvaluationSettings
from affectssm.families.clips.stages.data import exchanged, labelled, open_store
from affectssm.families.clips.stages.evaluate import evaluate
from affectssm.families.clips.stages.train import CLASSES, PREDICTIONS, train
from affectssm.ssm.arguments import ScanOverflowError
from affectssm.store.parquet import read_parquet
from affectssm.training.loop import Training
from affectssm.training.run_files import CHECKPOINT, read_tensors, resume_folder
from tests.families.clips.clip_store import COUNTS, DIMS, made, told, write_halves

MMMO = Path(__file__).resolve().parents[4] / "shared" / "media" / "sentiment" / "mmmo"
STEPS_AN_EPOCH = 3
SEEDS = (7, 1)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Path]:
    """Two shards; one test clip has no label."""
    arrays, label, split = made()
    label[-1] = math.nan
    return write_halves(tmp_path_factory.mktemp("clips"), arrays, label, split)


@pytest.fixture(scope="module")
def run(clips, tmp_path_factory) -> Path:
    """Two seeds, which answer without each modality too; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "seeds-7-1"
    train(told(seeds=SEEDS, left_out=list(DIMS)), clips, out, {})
    return out


def table(out: Path):
    return read_parquet(out / "predictions.parquet").to_pandas()


def answers(out: Path, seed: int = 1, left_out: str = "", split: str = "test", column: str = "prediction"):
    found = table(out)
    own = found[(found.seed == seed) & (found.left_out == left_out) & (found.split == split)]
    return own[column].to_numpy()


def history(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "history.csv").open()))


def same(one: Path, other: Path) -> None:
    for name in ("history.csv", "config.yaml"):
        assert (one / name).read_text() == (other / name).read_text()
    assert read_parquet(one / "predictions.parquet").equals(read_parquet(other / "predictions.parquet"))
    first, second = (read_tensors(path / CHECKPOINT) for path in (one, other))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_every_clip_is_answered_with_every_seed_with_and_without_each_modality(run, clips):
    found, index = table(run), open_store(clips).index
    assert list(found.columns) == PREDICTIONS.names
    assert set(found.groupby(["seed", "left_out", "split"]).size().items()) == {
        ((seed, way, split), COUNTS[split])
        for seed in SEEDS
        for way in ("", *DIMS)
        for split in ("val", "test")
    }  # the clip without a label too
    own = found[(found.seed == 1) & (found.left_out == "")]
    wanted = {key for key, split in zip(index.key, index.words["split"], strict=True) if split != "train"}
    assert set(own[["corpus", "video", "recording"]].itertuples(index=False, name=None)) == wanted
    assert (
        found.prediction.notna().all()
        and found[list(CLASSES)].isna().all().all()
        and set(found.reason) == {""}
    )
    assert not resume_folder(run).exists()
    assert [row["seed"] for row in history(run)] == ["7"] * 3 + ["1"] * 3
    rates = [float(row["learning_rate"]) for row in history(run)[:3]]
    assert rates == pytest.approx([0.01, 0.005, 0.005]), "of the step that follows: halved after two epochs"


def test_classes_are_answered_with_probabilities(clips, tmp_path):
    train(told("classification"), clips, tmp_path / "seeds-1", {})
    found = table(tmp_path / "seeds-1")
    assert found.prediction.isna().all()
    np.testing.assert_allclose(found[list(CLASSES)].sum(axis=1), 1, atol=1e-6)
    truth = truths(clips, "val")
    right = np.mean(
        found[found.split == "val"][list(CLASSES)].to_numpy().argmax(axis=1) == np.sign(truth) + 1
    )
    assert right == pytest.approx(max(float(row["val_accuracy"]) for row in history(tmp_path / "seeds-1")))


def truths(clips: list[Path], split: str) -> np.ndarray:
    """The labels of a split by the clips' names."""
    index = open_store(clips).index
    return index.labels["sentiment"][labelled(index, split, Path())]


def test_the_epoch_that_is_best_on_the_validation_clips_answers(run, clips):
    for seed in SEEDS:
        found = float(np.abs(answers(run, seed, split="val") - truths(clips, "val")).mean())
        scores = [float(row["val_minus_mae"]) for row in history(run) if row["seed"] == str(seed)]
        assert -found == pytest.approx(max(scores), abs=1e-6)


@pytest.mark.parametrize("steps", [5, 14])
def test_a_killed_job_goes_on_from_its_last_epoch_and_ends_with_the_same_bits(
    run, clips, tmp_path, monkeypatch, steps
):
    own, out, learn, made_ = (
        told(seeds=SEEDS, left_out=list(DIMS)),
        tmp_path / "seeds-7-1",
        Training.learn,
        [],
    )

    def killed(self, batch):
        if len(made_) == steps:
            raise KeyboardInterrupt
        made_.append(self.seed)
        return learn(self, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "learn", killed)
        train(own, clips, out, {})
    assert not out.exists()
    again = []
    monkeypatch.setattr(Training, "learn", lambda self, batch: again.append(self.seed) or learn(self, batch))
    train(own, clips, out, {})
    same(out, run)
    assert len(again) == 2 * 3 * STEPS_AN_EPOCH - steps // STEPS_AN_EPOCH * STEPS_AN_EPOCH, (
        "finished epochs are kept"
    )
    assert not resume_folder(out).exists()


def test_seeds_of_one_job_are_what_each_would_be_alone(run, clips, tmp_path):
    for number, seed in enumerate(SEEDS):
        out = tmp_path / f"seeds-{seed}"
        train(told(seeds=[seed], left_out=list(DIMS)), clips, out, {})
        both = table(run)
        both = both[both.seed == seed].reset_index(drop=True)
        assert both.equals(table(out))
        tensors = read_tensors(run / CHECKPOINT)
        for name, value in read_tensors(out / CHECKPOINT).items():
            assert torch.equal(tensors[f"{number}{name[1:]}"], value)
    assert not np.allclose(answers(run, 7), answers(run, 1))


def changed(folder: Path, seed: int = 3, **kind) -> list[Path]:
    """The same clips with other labels of a split, or without a modality in one."""
    arrays, label, split = made()
    label[-1] = math.nan
    rows = np.array(split) == kind["split"]
    if "without" in kind:
        arrays[kind["without"]][rows] = np.nan
    else:
        label[rows] = np.random.default_rng(seed).uniform(-3, 3, rows.sum())
    return write_halves(folder, arrays, label, split)


def test_labels_of_test_clips_are_never_read(run, tmp_path):
    out = tmp_path / "seeds-7-1"
    train(told(seeds=SEEDS, left_out=list(DIMS)), changed(tmp_path / "other", split="test"), out, {})
    same(out, run)


def test_labels_of_validation_clips_select_and_teach_nothing(run, tmp_path):
    out = tmp_path / "seeds-7-1"
    train(told(seeds=SEEDS, left_out=list(DIMS)), changed(tmp_path / "other", split="val"), out, {})
    losses, scores = (
        [[row[name] for row in history(o)] for o in (run, out)] for name in ("loss", "val_minus_mae")
    )
    assert losses[0] == losses[1] and scores[0] != scores[1]


def test_what_is_left_out_is_as_if_the_clips_had_never_had_it(run, tmp_path):
    train(told(), changed(tmp_path / "deaf", split="test", without="audio"), tmp_path / "seeds-1", {})
    np.testing.assert_array_equal(answers(tmp_path / "seeds-1"), answers(run, left_out="audio"))
    ways = [answers(run, left_out=name) for name in ("", *DIMS)]
    assert not any(np.allclose(one, other) for one, other in pairwise(ways))


def test_of_exchanged_labels_none_is_a_clips_own_and_the_splits_keep_theirs(clips, tmp_path):
    index = open_store(clips).index
    for split in ("train", "val"):
        rows = labelled(index, split, tmp_path)
        own, given = index.labels["sentiment"][rows], [exchanged(index, rows, seed) for seed in (1, 2)]
        assert len(set(own)) == len(own), "so that a clip's own label would be seen"
        for found in given:
            assert not (found == own).any() and sorted(found) == sorted(own)
        assert (given[0] != given[1]).any()
    train(told(variant="exchanged"), clips, tmp_path / "seeds-1", {})
    found = np.abs(
        answers(tmp_path / "seeds-1", split="val") - exchanged(index, labelled(index, "val", tmp_path), 1)
    )
    assert -found.mean() == pytest.approx(
        max(float(row["val_minus_mae"]) for row in history(tmp_path / "seeds-1"))
    )


def scores(clips, out: Path, seeds) -> dict[tuple[str, str, int], dict]:
    own = {"experiment": "coupled_mamba-mosei_aligned_regression", "corpus": "mosei", "source": "aligned"}
    asked = EvaluationSettings.model_validate({**own, "task": "regression", "seeds": seeds})
    evaluate(asked, clips, [out / "predictions.parquet"], out / "metrics.parquet")
    rows = read_parquet(out / "metrics.parquet").to_pylist()
    return {
        (row["level"], row["metric"], row["seed"]): row for row in rows if not row["left_out"] + row["group"]
    }


def test_a_seed_that_diverges_has_no_answers_and_the_others_keep_theirs(run, clips, tmp_path, monkeypatch):
    """In its second epoch: what the first one gave is no trained model."""
    learn, out = Training.learn, tmp_path / "seeds-7-1"

    def diverging(self, batch):
        if (self.seed, self.step) == (7, STEPS_AN_EPOCH + 1):
            raise ScanOverflowError(3, 6)
        return learn(self, batch)

    monkeypatch.setattr(Training, "learn", diverging)
    train(told(seeds=SEEDS, left_out=list(DIMS)), clips, out, {})
    found = table(out)
    lost = found[found.seed == 7]
    assert (
        lost.prediction.isna().all()
        and lost.reason.str.contains("diverged").all()
        and len(found) == len(table(run))
    )
    np.testing.assert_array_equal(answers(out, 1), answers(run, 1))
    assert yaml.safe_load((out / "config.yaml").read_text())["diverged"] == [7]
    assert [row["seed"] for row in history(out)] == ["7", "1", "1", "1"]
    rows = scores(clips, out, SEEDS)
    whole = rows["run", "mae", 1]
    assert math.isnan(rows["run", "mae", 7]["value"]) and "diverged" in rows["run", "mae", 7]["reason"]
    assert whole["value"] == pytest.approx(
        np.abs(answers(run, 1)[known(clips)] - truths(clips, "test")).mean()
    )
    assert (
        math.isnan(rows["summary", "mae", -1]["value"])
        and "1 of 2 seeds" in rows["summary", "mae", -1]["reason"]
    )


def known(clips: list[Path]) -> np.ndarray:
    """Which test clips, by name, have a label."""
    index = open_store(clips).index
    rows = sorted(np.flatnonzero(index.words["split"] == "test"), key=lambda row: index.key[row][2])
    return ~np.isnan(index.labels["sentiment"][rows])


@pytest.mark.parametrize("how", ["states", "weights"])
def test_states_that_grow_without_bound_and_weights_that_do_are_told(tmp_path, clips, how):
    out = tmp_path / "seeds-1"
    if (
        how == "states"
    ):  # equation 6 as printed, on long clips: three modalities' states are added at every step
        clips = write_halves(tmp_path / "long", *made(length=250))
        train(told(training={"epochs": 1}, model_settings={"coupling": "sum"}), clips, out, {})
    else:
        train(told(training={"learning_rate": 1e30}), clips, out, {})
    assert table(out).prediction.isna().all()
    rows = scores(clips, out, (1,))
    summary = rows["summary", "mae", -1]
    assert (
        math.isnan(rows["run", "mae", 1]["value"])
        and "1 of 1 seeds" in summary["reason"]
        and not summary["missing"]
    )
    label = truths(clips, "test")
    assert rows["summary", "mae_constant", -1]["value"] == pytest.approx(
        np.abs(label - np.median(label)).mean()
    )


def test_noise_is_the_same_of_a_clip_whenever_it_is_read_and_changes_what_is_learnt(run, clips, tmp_path):
    for name in ("a", "b"):
        train(told(training={"noise": 3.0, "epochs": 1}), clips, tmp_path / name, {})
    same(tmp_path / "a", tmp_path / "b")
    train(told(training={"epochs": 1}), clips, tmp_path / "c", {})
    assert not np.allclose(answers(tmp_path / "a"), answers(tmp_path / "c"))


def test_the_kept_scaler_is_that_of_the_training_clips_valid_steps(run, clips):
    arrays, _, split = made()
    tensors = read_tensors(run / CHECKPOINT)
    for name in DIMS:
        own = arrays[name][np.array(split) == "train"].astype(np.float32).reshape(-1, DIMS[name])
        own = own[~np.isnan(own).any(axis=1)].astype(np.float64)
        np.testing.assert_allclose(tensors[f"0.scaler.mean.{name}"][:, 0], own.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(tensors[f"0.scaler.std.{name}"][:, 0], own.std(axis=0), rtol=1e-9)


def test_a_text_encoder_learns_with_the_model(clips, tmp_path):
    encoder = {"english": {"model": "bert-base-uncased"}, "chinese": {"model": "bert-base-chinese"}}
    tuned = {"encoder": {**encoder, "weights": "random", "size": "small"}, "settings": {"blocks": 1}}
    own = told(variant="tuned", tuned=tuned, training={"epochs": 1})
    train(own, clips, tmp_path / "seeds-1", {"bert": {}})
    tensors = read_tensors(tmp_path / "seeds-1" / CHECKPOINT)
    assert "0.scaler.mean.audio" in tensors and "0.scaler.mean.tokens" not in tensors
    assert np.isfinite(answers(tmp_path / "seeds-1")).all()


def test_without_labelled_clips_or_a_modality_the_error_is_clear(clips, tmp_path):
    arrays, label, split = made()
    none = write_halves(tmp_path / "none", arrays, np.where(np.array(split) == "val", np.nan, label), split)
    with pytest.raises(DataError, match="no val clip with a label"):
        train(told(), none, tmp_path / "seeds-1", {})
    del arrays["audio"]
    with pytest.raises(DataError, match="no audio"):
        train(told(), write_halves(tmp_path / "deaf", arrays, label, split), tmp_path / "seeds-1", {})


@pytest.mark.skipif(not MMMO.is_dir(), reason="needs the real clips (../shared/media/sentiment/mmmo)")
def test_real_clips_are_answered_better_than_by_the_best_constant(tmp_path):
    """MMMO: films judged by their reviewers from 1 to 5; COVAREP and FACET features, twenty steps."""
    parts = {"train": "train", "val": "valid", "test": "test"}

    def read(what: str) -> list[np.ndarray]:
        return [np.asarray(h5py.File(MMMO / f"{what}_{part}.h5")["d1"]) for part in parts.values()]

    labels = read("y")
    split = [name for name, own in zip(parts, labels, strict=True) for _ in own]
    arrays = {"audio": np.concatenate(read("audio")), "vision": np.concatenate(read("video"))}
    label = np.concatenate(labels) - 3
    clips = write_halves(tmp_path / "clips", arrays, label, split)
    own = told(
        modalities=["audio", "vision"], batch=32, training={"epochs": 12, "learning_rate": 3e-3, "halved_every": 0},
        model_settings={"d_model": 16, "d_state": 8, "dropout": 0.3},
    )  # fmt: skip
    train(own, clips, tmp_path / "seeds-1", {})
    constant = np.abs(label[np.array(split) == "test"] - np.median(label[np.array(split) == "train"])).mean()
    assert scores(clips, tmp_path / "seeds-1", (1,))["summary", "mae", -1]["value"] < constant - 0.05
