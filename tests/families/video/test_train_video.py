"""Runs: what they find, what a kill loses, whom they predict."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from affectssm.errors import DataError
from affectssm.families.video.stages import train as training
from affectssm.families.video.stages.folds import divide
from affectssm.families.video.stages.predict import predict
from affectssm.families.video.stages.train import train
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet
from affectssm.timeline.index import read_windows
from affectssm.training import frame_run
from affectssm.training.loop import Training
from tests.families.video.small_videos import COLUMNS, VIDEOS, agreement, run_settings, truth
from tests.killed import killed_at

BY_PERSON = {person: video for video in VIDEOS for person in video.names}


@pytest.fixture(scope="module")
def run(world, tmp_path_factory):
    """A run of fold 0; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "1"
    train(run_settings(), world.windows, world.features, out, {})
    return out


def predictions(world, run, out, **changes):
    predict(run_settings(**changes), run, world.windows, world.features, out, {})
    return read_parquet(out).to_pandas()


def history(run):
    return list(csv.DictReader((run / "history.csv").open()))


def steps_taken(monkeypatch, last=None):
    """Count the steps, and stop at one."""
    taken, learn = [], Training.learn

    def counting(self, batch):
        if self.step == last:
            raise KeyboardInterrupt("killed")
        taken.append(self.step)
        return learn(self, batch)

    monkeypatch.setattr(Training, "learn", counting)
    return taken


def same_run(one, other):
    first, second = (load_file(path / "checkpoint.safetensors") for path in (one, other))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
    for name in ("history.csv", "config.yaml"):
        assert (one / name).read_text() == (other / name).read_text()


def test_a_run_leaves_its_files_and_says_whom_it_learnt_from(world, run):
    assert {path.name for path in run.iterdir()} == {"checkpoint.safetensors", "config.yaml", "history.csv"}
    assert not (run.parent / ".1.resume").exists()
    card = read_card(run / "checkpoint.safetensors")
    division = divide(read_windows(world.windows / "labelled.parquet").targets, 0, 3)
    assert card["extra"]["learnt"] == sorted({recording for recording, _ in division.learn})
    assert set(card["extra"]["features"]) == {"mae", "valence_arousal"}
    assert len(history(run)) == 4


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_resumed_run_equals_an_undisturbed_one(world, run, tmp_path, monkeypatch, epochs):
    out, whole = tmp_path / "1", int(history(run)[-1]["step"])
    kept = epochs * whole // 4
    with monkeypatch.context() as patch:
        steps_taken(patch, last=kept + 1)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train(run_settings(), world.windows, world.features, out, {})
    assert (tmp_path / ".1.resume/state.pt").is_file() and not out.exists()
    taken = steps_taken(monkeypatch)
    train(run_settings(), world.windows, world.features, out, {})
    assert taken == list(range(kept, whole)), "finished epochs are not repeated"
    same_run(out, run)


def test_a_run_killed_before_its_files_were_written_trains_nothing_again(world, run, tmp_path, monkeypatch):
    out = tmp_path / "1"
    with monkeypatch.context() as patch:
        killed_at(patch, frame_run, "write_config", 1)
        with pytest.raises(KeyboardInterrupt):
            train(run_settings(), world.windows, world.features, out, {})
    taken = steps_taken(monkeypatch)
    train(run_settings(), world.windows, world.features, out, {})
    assert taken == []
    same_run(out, run)


def ccc_of(table):
    table = table[table.split == "val"]
    table = table[table["target.valence"].notna()]
    return [agreement(table[f"prediction.{name}"], table[f"target.{name}"]) for name in COLUMNS]


def test_learning_finds_what_is_planted_and_exchanged_labels_do_not(world, tmp_path):
    # of untrained weights, too, answers agree with what the features hold by chance, in either direction: so one limit
    for seed, variant in ((1, ""), (1, "exchanged"), (2, "exchanged")):
        own, out = run_settings(variant=variant, seed=seed, epochs=12, learning_rate=2e-2), tmp_path / variant
        train(own, world.windows, world.features, out / str(seed), {})
        predict(own, out / str(seed), world.windows, world.features, out / "p.parquet", {})
        found = min(ccc_of(true_targets(read_parquet(out / "p.parquet").to_pandas())))
        assert found < 0.3 if variant else found > 0.8


def true_targets(table):
    """Predictions whose targets are those of the files, whatever the run was given."""
    for person, own in table.groupby("participant"):
        known = own["target.valence"].notna()
        values = truth(BY_PERSON[person], person)
        for number, name in enumerate(COLUMNS):
            table.loc[own.index, f"target.{name}"] = np.where(known, values[:, number], np.nan)
    return table


def test_what_selected_is_predicted_as_it_was(world, tmp_path):
    """Each frame once, though windows overlap; the reported videos select."""
    own = {"selection": "reported", "variant": "reported"}
    train(run_settings(**own), world.windows, world.features, tmp_path / "1", {})
    table = predictions(world, tmp_path / "1", tmp_path / "p.parquet", **own)
    best = max(float(row["val_ccc"]) for row in history(tmp_path / "1"))
    assert np.mean(ccc_of(table)) == pytest.approx(best, abs=1e-5)


def test_reported_and_test_people_are_predicted_each_frame_once(world, run, tmp_path):
    table = predictions(world, run, tmp_path / "p.parquet")
    expected = {
        (video.split, video.name, person)
        for video in VIDEOS
        for person in video.names
        if video.split != "train" and "crops" not in video.without
    }
    found = dict(iter(table.groupby(["split", "recording", "participant"])))
    assert found.keys() == expected
    for (split, _, person), own in found.items():
        video = BY_PERSON[person]
        assert own.frame.tolist() == list(range(video.frames))
        np.testing.assert_allclose(own.time_s, (own.frame + 0.5) / video.rate)
        assert own[[f"prediction.{name}" for name in COLUMNS]].abs().max().max() <= 1
        known = own["target.valence"].notna().to_numpy()
        assert known.sum() == (0 if split == "test" else video.frames - 4), "no test label is opened"
        np.testing.assert_array_equal(own["target.arousal"][known], truth(video, person)[known, 1])
    card = read_card(tmp_path / "p.parquet")
    assert (card["extra"]["fold"], card["extra"]["seed"]) == ("fold0", 1)
    assert card["extra"]["run"]["id"] == read_card(run / "checkpoint.safetensors")["id"]


def test_a_fold_of_the_cross_validation_predicts_its_own_videos_alone(world, tmp_path):
    own = {"fold": 2, "epochs": 1}
    train(run_settings(**own), world.windows, world.features, tmp_path / "1", {})
    table = predictions(world, tmp_path / "1", tmp_path / "p.parquet", **own)
    division = divide(read_windows(world.windows / "labelled.parquet").targets, 2, 3)
    assert set(zip(table.recording, table.participant, strict=True)) == division.report
    assert "test" not in set(table.split)


@pytest.mark.parametrize("other", [{"fold": 1}, {"seed": 2}, {"variant": "tcn"}])
def test_the_folder_of_another_run_is_refused(world, run, tmp_path, other):
    with pytest.raises(DataError, match="a run of mamba_va-mae fold 0 seed 1"):
        predictions(world, run, tmp_path / "p.parquet", **other)
    assert not (tmp_path / "p.parquet").exists()


def test_frames_without_a_face_count_unless_they_are_masked(world, run, tmp_path):
    filled = predictions(world, run, tmp_path / "filled.parquet")
    masked = predictions(world, run, tmp_path / "masked.parquet", forward_fill=False)
    assert filled.valid.all()
    gaps = masked[~masked.valid].groupby("participant").size()
    assert set(gaps) == {3} and set(gaps.index) == set(masked.participant)
    prediction = "prediction.valence"
    assert not np.allclose(filled[prediction][~masked.valid], masked[prediction][~masked.valid])


def test_labels_that_are_never_valid_stop_a_run_with_a_clear_error(world, tmp_path, monkeypatch):
    class Unlabelled:
        def __init__(self, windows):
            self.windows = windows

        def __len__(self):
            return len(self.windows)

        def __getitem__(self, numbers):
            batch = self.windows[numbers]
            return replace(batch, label_valid=torch.zeros_like(batch.label_valid))

    monkeypatch.setattr(training, "_learned", lambda settings, windows, redraw: Unlabelled(windows))
    with pytest.raises(DataError, match="no CCC on the videos that select"):
        train(run_settings(epochs=1), world.windows, world.features, tmp_path / "1", {})
