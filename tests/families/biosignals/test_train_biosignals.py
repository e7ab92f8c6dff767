"""The folds of a part: what is learnt from what, the same after a kill, and what a run keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from affectssm.cli import main
from affectssm.errors import ConfigError, DataError
from affectssm.families.biosignals.experiments import TrialExperiment
from affectssm.families.biosignals.stages import train as stage
from affectssm.families.biosignals.stages.labels import classes
from affectssm.families.biosignals.stages.segments import open_store, rated_folds
from affectssm.families.biosignals.stages.train import batches, exchanged
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.store.card import read_card
from affectssm.store.parquet import read_parquet
from affectssm.training.fold_runs import FoldRuns
from affectssm.training.run_files import CHECKPOINT, read_tensors, resume_folder, write_tensors
from affectssm.training.seeds import mixed
from affectssm.training.segments import SegmentData, development_groups, rows_learnt, rows_tested
from tests.families.biosignals.run_world import middling, run_settings, told, write_shard
from tests.killed import killed_at
from tests.ssm.elsewhere import without_numba

RECIPE = {
    "learning_rate": 0.01, "weight_decay": 0.0, "batch": 4, "epochs": 2, "threads": 1, "scan_backend": "auto",
}  # fmt: skip
FILES = ("config.yaml", "history.csv", "predictions.parquet", CHECKPOINT)


def settings(**changes) -> dict:
    return run_settings(training=RECIPE, **changes)


@pytest.fixture(scope="module")
def epochs(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("epochs")
    return [
        write_shard(folder / f"s{n:02d}.h5", subjects) for n, subjects in enumerate((["s01", "s02"], ["s03"]))
    ]


@pytest.fixture(scope="module")
def run(epochs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "bimamba_tta-deap_valence" / "s00" / "5"
    stage.train(told(settings()), epochs[:1], "s00", out)
    return out


def test_a_run_keeps_every_fold_and_answers_each_rated_segment_once(run, epochs):
    runs = FoldRuns(run)
    assert runs.names == ["deap-s01-0", "deap-s01-1", "deap-s02-0", "deap-s02-1"]
    rows = read_parquet(run / "predictions.parquet").to_pylist()
    answered = [(row["subject"], row["trial"], row["epoch"]) for row in rows]
    rated = {(*key[1:], int(epoch)) for key, epoch in zip(*_index(epochs[0]), strict=True)}
    assert set(answered) == rated and len(answered) == len(rated)
    assert all(0 <= row["high"] <= 1 for row in rows)
    assert not run.parent.joinpath(".5.resume").exists()


def _index(shard: Path):
    index = open_store([shard]).index
    known = np.flatnonzero(~np.isnan(index.labels["valence"]))
    return [index.key[n] for n in known], index.number[known]


def test_the_kept_model_and_scaler_give_the_kept_answers(run, epochs):
    """Whatever the order of the modalities: they are not in the alphabet's here."""
    runs, store = FoldRuns(run), open_store(epochs[:1])
    rows = read_parquet(run / "predictions.parquet").to_pylist()
    for fold in rated_folds(store.index, ProtocolSettings(folds=2), "s00", "valence"):
        data = SegmentData(store, runs.settings["modalities"], runs.scaler(fold.name))
        numbers = rows_tested(store.index, fold)
        mine = [row["high"] for row in rows if row["fold"] == fold.name]
        np.testing.assert_allclose(stage.answer(runs.model(fold.name), data, numbers), mine, atol=1e-6)


def test_a_killed_job_goes_on_with_the_next_fold_and_ends_with_the_same_files(
    run, epochs, tmp_path, monkeypatch
):
    out = tmp_path / "5"
    calls = killed_at(monkeypatch, stage, "_fold", 3)
    with pytest.raises(KeyboardInterrupt):
        stage.train(told(settings()), epochs[:1], "s00", out)
    assert not out.exists() and len(list((tmp_path / ".5.resume").iterdir())) == 2
    cut = tmp_path / ".5.resume" / "1.safetensors"
    cut.write_bytes(cut.read_bytes()[:-4])
    stage.train(told(settings()), epochs[:1], "s00", out)
    trained = [fold.name for _, _, fold in calls[:1] + calls[3:]]
    assert trained == FoldRuns(run).names  # each once, but for the one whose file is not whole
    for name in ("history.csv", "config.yaml"):
        assert (out / name).read_bytes() == (run / name).read_bytes()
    for name, value in read_tensors(run / CHECKPOINT).items():
        assert torch.equal(read_tensors(out / CHECKPOINT)[name], value)


@pytest.mark.parametrize(
    ("kept", "names"), [(0, ["reference"]), (1, ["numba", "reference"]), (2, ["numba"])], ids=str
)
def test_the_card_of_a_resumed_job_names_the_scan_backends_of_all_its_folds(
    epochs, tmp_path, monkeypatch, kept, names
):
    """Of two, ``kept`` were done before the kill."""
    out = tmp_path / "5"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        calls = killed_at(patch, stage, "_fold", kept + 1)
        killed_at(patch, stage, "_write", 1)
        stage.train(told(settings()), epochs[1:], "s01", out)
    assert len(calls) == min(kept + 1, 2) and len(list(resume_folder(out).glob("*"))) == kept
    without_numba(monkeypatch)
    stage.train(told(settings()), epochs[1:], "s01", out)
    for name in (CHECKPOINT, "predictions.parquet"):
        assert read_card(out / name)["scan_backends"] == names


def test_folds_kept_without_names_of_scan_backends_are_taken_up(epochs, tmp_path, monkeypatch):
    out = tmp_path / "5"
    with monkeypatch.context() as patch:
        patch.setattr(stage.FinishedFolds, "clear", lambda self: None)
        stage.train(told(settings()), epochs[1:], "s01", out)
    file = resume_folder(out) / "0.safetensors"
    write_tensors(file, read_tensors(file), {"id": read_card(file)["id"]})
    monkeypatch.setattr(stage, "_fold", pytest.fail)
    stage.train(told(settings()), epochs[1:], "s01", out)
    assert read_card(out / CHECKPOINT)["scan_backends"] == ["numba"]


def test_a_scan_backend_that_cannot_run_is_named_by_its_own_key(epochs, tmp_path):
    asked = run_settings(training={**RECIPE, "scan_backend": "mamba_ssm"})
    with pytest.raises(ConfigError, match=r"'mamba_ssm' cannot run here: .*cpu") as error:
        stage.train(told(asked), epochs[1:], "s01", tmp_path / "5")
    assert error.value.where == "biosignals.training.scan_backend"


def test_what_was_kept_under_other_settings_is_not_taken_up(epochs, tmp_path, monkeypatch):
    calls = killed_at(monkeypatch, stage, "_fold", None)
    keeping = stage.FinishedFolds.clear
    monkeypatch.setattr(stage.FinishedFolds, "clear", lambda self: None)
    stage.train(told(settings()), epochs[1:], "s01", tmp_path / "5")
    monkeypatch.setattr(stage.FinishedFolds, "clear", keeping)
    stage.train(told(settings(seed=6)), epochs[1:], "s01", tmp_path / "5")
    assert len(calls) == 4  # two folds, twice


def test_no_rating_of_a_tested_trial_is_looked_at(run, tmp_path):
    """Another rating of the tested trials changes their own folds' weights in nothing."""
    store = open_store([write_shard(tmp_path / "a" / "s00.h5", ["s01", "s02"])])
    fold = rated_folds(store.index, ProtocolSettings(folds=2), "s00", "valence")[0]
    tested = {key[1:] for key in fold.test}

    def other(dimension: str, subject: str, trial: str) -> float:
        rating = middling(dimension, subject, trial)
        return 10 - rating if (subject, trial) in tested else rating

    changed = write_shard(tmp_path / "b" / "s00.h5", ["s01", "s02"], other)
    stage.train(told(settings()), [changed], "s00", tmp_path / "run" / "5")
    before, after = (read_tensors(folder / CHECKPOINT) for folder in (run, tmp_path / "run" / "5"))
    same = [torch.equal(before[name], after[name]) for name in before if name.startswith("0.")]
    assert all(same)
    assert not all(torch.equal(before[name], after[name]) for name in before if name.startswith("1."))


def test_parts_of_every_protocol_cover_its_folds_once(epochs):
    index = open_store(epochs).index
    for protocol, parts in (("within", ("s00", "s01")), ("loso", ("s00", "s01")), ("pooled", ("f00", "f01"))):
        asked = ProtocolSettings(protocol=protocol, folds=2)
        found = [fold for part in parts for fold in rated_folds(index, asked, part, "valence")]
        tested = [trial for fold in found for trial in fold.test]
        assert len(tested) == len(set(tested)) == 11  # one trial has no rating
        assert len({fold.name for fold in found}) == len(found)


def test_exchanged_labels_move_between_the_trials_of_a_subject_alone(epochs):
    index = open_store(epochs).index
    numbers = np.arange(len(index))[~np.isnan(index.labels["arousal"])]
    labels = classes(index, numbers, ProtocolSettings(), "arousal")
    found = {
        seed: exchanged(index, numbers, told(run_settings("arousal", seed=seed, protocol={})))
        for seed in range(8)
    }
    subjects = np.array([index.key[n][1] for n in numbers])
    trial = np.array([index.key[n][2] for n in numbers])
    for given in found.values():
        for name in set(subjects):
            mine = subjects == name
            assert given[mine].sum() == labels[mine].sum()
            assert all(len(set(given[mine & (trial == t)])) == 1 for t in set(trial[mine]))
    assert len({tuple(given) for given in found.values()}) > 2


def test_every_fold_learns_from_the_same_exchange_which_its_test_trials_take_part_in(epochs):
    index, protocol = open_store(epochs).index, ProtocolSettings(folds=2)
    given: dict = {}
    for seed in range(20):
        for fold in rated_folds(index, protocol, "s00", "valence"):
            numbers = rows_learnt(index, fold)
            labels = exchanged(index, numbers, told(settings(seed=seed)))
            for number, label in zip(numbers, labels, strict=True):
                assert given.setdefault((seed, index.key[number]), label) == label
    own = [key for key in {key for _, key in given} if key[1] == "s01"]
    drawn = {sum(given[seed, key] for key in own[: len(own) // 2]) for seed in range(20)}
    assert (
        len(drawn) > 1
    )  # how many of a part are high is up to the draw, not to what the other part has left


def test_batches_hold_every_segment_once_and_none_is_alone():
    for count, size in ((9, 4), (8, 4), (5, 4), (3, 64)):
        drawn = batches(count, size, mixed(1, 2))
        assert sorted(torch.cat(drawn).tolist()) == list(range(count))
        assert min(map(len, drawn)) >= 2 and max(map(len, drawn)) <= size
    assert [b.tolist() for b in batches(9, 4, 1)] != [b.tolist() for b in batches(9, 4, 2)]


def test_development_subjects_follow_from_their_names(epochs):
    index = open_store(epochs).index
    two = development_groups(index, 2)
    assert len(two) == 2 and development_groups(index, 1) < two and not development_groups(index, 0)
    alone = development_groups(open_store(epochs[:1]).index, 3)
    assert alone == {("deap", "s01"), ("deap", "s02")}


def test_a_part_without_folds_and_a_modality_that_is_not_there_are_named(epochs, tmp_path):
    with pytest.raises(DataError, match="no fold of s07"):
        stage.train(told(settings()), epochs, "s07", tmp_path / "1")
    with pytest.raises(DataError, match="no ecg"):
        stage.train(told(settings(modalities=["eeg", "ecg"])), epochs[:1], "s00", tmp_path / "1")


def test_experiments_are_named_by_model_variant_and_target():
    assert TrialExperiment("lggnet", "mahnob", "arousal").name == "lggnet-mahnob_arousal"
    control = TrialExperiment("bimamba_tta", "deap", "valence", "shuffled_labels")
    assert control.name == "bimamba_tta+shuffled_labels-deap_valence"


def test_training_rows_are_standardised_by_their_own_statistics_alone(run, epochs):
    runs, store = FoldRuns(run), open_store(epochs[:1])
    for fold in rated_folds(store.index, ProtocolSettings(folds=2), "s00", "valence"):
        numbers = rows_learnt(store.index, fold)
        held = numbers[store.index.there["gsr"][numbers]]
        value = store.values("gsr", held).astype(np.float64)
        np.testing.assert_allclose(
            runs.scaler(fold.name).mean["gsr"][:, 0], value.mean(axis=(0, 2)), rtol=1e-6
        )


@pytest.mark.parametrize("command", ["train", "masks", "choose", "evaluate"])
def test_a_command_told_too_little_says_what_it_lacks(command, tmp_path, capsys):
    own = {
        "train": ["--part", "s00", "--settings", "{}"],
        "masks": ["--seed", "1", "--settings", "{}"],
        "choose": ["--runs", "r", "--settings", "{}"],
        "evaluate": ["--predictions", "p", "--settings", "{}"],
    }[command]
    assert main([command, "biosignals", "--segments", "none.h5", *own, "--out", str(tmp_path / "out")]) == 1
    assert "give a value" in capsys.readouterr().err
