"""The label control of trials: nobody keeps their own label, whoever else has the same; where that cannot be."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest

from affectssm.errors import DataError
from affectssm.families.biosignals.stages import train as stage
from affectssm.families.biosignals.stages.labels import classes
from affectssm.families.biosignals.stages.segments import open_store
from affectssm.families.biosignals.stages.train import exchanged
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.training.exchange import looking_ahead
from affectssm.training.fold_runs import FoldRuns
from tests.families.biosignals.run_world import run_settings, told, write_shard

RECIPE = {
    "learning_rate": 0.01, "weight_decay": 0.0, "batch": 4, "epochs": 1, "threads": 1, "scan_backend": "auto",
}  # fmt: skip
SEEDS = range(12)
PROTOCOL = ProtocolSettings()


def given(folder: Path, ratings: dict[str, list[float]], seed: int) -> dict[str, dict[str, set[int]]]:
    """Exchanged classes by subject and trial; subjects have up to four trials, NaN for no rating."""
    store = _store(folder, ratings)
    rated = np.flatnonzero(~np.isnan(store.index.labels["valence"]))
    found: dict[str, dict[str, set[int]]] = {}
    labels = exchanged(store.index, rated, told(run_settings(seed=seed)))
    for number, label in zip(rated, labels, strict=True):
        _, subject, trial = store.index.key[number]
        found.setdefault(subject, {}).setdefault(trial, set()).add(int(label))
    return found


def _store(folder: Path, ratings: dict[str, list[float]]):
    def rating(_: str, subject: str, trial: str) -> float:
        own = ratings[subject]
        return own[int(trial[1:])] if int(trial[1:]) < len(own) else math.nan

    return open_store([write_shard(folder / "s00.h5", ratings, rating)])


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("own", range(4))
def test_the_only_high_trial_is_never_high_itself(tmp_path, count, own):
    """So no trial keeps its own, whatever its own is; two trials can only swap."""
    if own >= count:
        return
    ratings = {"s01": [9.0 if trial == own else 1.0 for trial in range(count)]}
    receivers = set()
    for seed in SEEDS:
        found = given(tmp_path, ratings, seed)["s01"]
        high = [trial for trial, labels in found.items() if labels == {1}]
        assert len(high) == 1 and all(len(labels) == 1 for labels in found.values())
        receivers.add(int(high[0][1:]))
    assert receivers == set(range(count)) - {own}


def test_two_of_three_trials_with_the_same_label_still_take_another_trials(tmp_path):
    """The class may be the same, the donor is not: the odd one out always turns, one of the equal pair with it."""
    for seed in SEEDS:
        found = given(tmp_path, {"s01": [9.0, 9.0, 1.0]}, seed)["s01"]
        assert found["v2"] == {1} and sorted(map(min, found.values())) == [0, 1, 1]


def test_a_single_rated_trial_has_no_exchange(tmp_path):
    found = given(tmp_path, {"s01": [9.0, 1.0], "s02": [9.0], "s03": [1.0, 1.0, 9.0, 9.0]}, 0)
    assert found["s02"] == {"v0": {-1}} and found["s01"] == {"v0": {0}, "v1": {1}}
    assert all(labels < {0, 1} for labels in found["s03"].values())


def test_labels_before_and_after_are_all_but_untied(tmp_path):
    """Of n trials -1 / (n - 1) on average, the least there can be without a trial that keeps its own."""
    store = _store(tmp_path, {"s01": [9.0, 9.0, 1.0, 1.0]})
    numbers = np.arange(len(store.index))
    truth = classes(store.index, numbers, PROTOCOL, "valence")
    ties = [
        np.corrcoef(truth, exchanged(store.index, numbers, told(run_settings(seed=s))))[0, 1]
        for s in range(400)
    ]
    assert np.mean(ties) == pytest.approx(-1 / 3, abs=0.1)


@pytest.mark.parametrize("count", [2, 3, 7, 40])
@pytest.mark.parametrize("step", [1, 2, 5])
def test_nobody_in_a_line_gets_their_own(count, step):
    line = np.random.default_rng(count).permutation(count)
    if step % count == 0:
        with pytest.raises(ValueError, match=f"{count} looking {step} ahead"):
            looking_ahead(line, step)
        return
    donors = looking_ahead(line, step)
    assert sorted(donors) == list(range(count)) and (donors != np.arange(count)).all()
    assert donors[line[0]] == line[step % count]


def test_one_alone_would_keep_its_own():
    with pytest.raises(ValueError, match="1 looking 1 ahead"):
        looking_ahead(np.array([0]))


def test_a_run_leaves_out_what_cannot_be_exchanged_and_says_so(tmp_path, caplog, monkeypatch):
    """Left out one subject, s02 with its only trial would be learnt from with its true label."""
    learnt = []
    monkeypatch.setattr(
        stage, "learn", lambda model, signals, labels, *rest: learnt.append(labels) or np.zeros((1, 2))
    )
    _store(tmp_path, {"s01": [9.0, 1.0, 1.0], "s02": [9.0], "s03": [9.0, 1.0]})
    asked = run_settings(
        training=RECIPE, variant="shuffled_labels", protocol={"protocol": "loso", "folds": 2}
    )
    with caplog.at_level(logging.WARNING):
        stage.train(told(asked), [tmp_path / "s00.h5"], "s00", tmp_path / "run" / "5")
    assert FoldRuns(tmp_path / "run" / "5").names == ["deap-s01", "deap-s02", "deap-s03"]
    assert [len(labels) for labels in learnt] == [2 * 3, 5 * 3, 3 * 3]  # of 3, 5 and 4 rated trials
    assert all((labels >= 0).all() for labels in learnt)
    said = [record.getMessage() for record in caplog.records if "label control" in record.getMessage()]
    assert said == [
        f"label control, fold deap-{name}: 3 of {count} segments left out, of subjects with a single rated trial"
        for name, count in (("s01", 9), ("s03", 12))
    ]


def test_subjects_of_one_trial_each_cannot_be_a_control(tmp_path):
    _store(tmp_path, {"s01": [9.0], "s02": [1.0], "s03": [9.0]})
    asked = run_settings(
        training=RECIPE, variant="shuffled_labels", protocol={"protocol": "loso", "folds": 2}
    )
    with pytest.raises(DataError, match=r"label control, fold deap-s01[\s\S]*a single rated trial"):
        stage.train(told(asked), [tmp_path / "s00.h5"], "s00", tmp_path / "run" / "5")
