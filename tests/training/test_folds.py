"""Folds of trials: whatever the trials, none is on both sides, and each is tested once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affectssm.families.biosignals.stages.labels import high
from affectssm.settings.biosignals import ProtocolSettings
from affectssm.training.folds import Fold, Item, folds

# few names, so that subjects of several corpora and trials of several subjects are called alike
corpora, subjects = st.sampled_from(["deap", "mahnob"]), st.sampled_from(["1", "2", "s-1", "1-2"])
trials = st.lists(st.tuples(corpora, subjects, st.sampled_from("abcdefghijklmno")), max_size=60)
settings = st.builds(
    ProtocolSettings,
    protocol=st.sampled_from(["within", "pooled", "loso"]),
    deal=st.sampled_from(["random", "blocks"]),
    folds=st.integers(2, 12),
    seed=st.integers(0, 3),
)


@given(trials, settings, st.randoms())
def test_no_trial_is_ever_on_both_sides(named: list[Item], given_settings: ProtocolSettings, random) -> None:
    # every trial has several epochs, which a table holds in any order
    epochs = [trial for trial in named for _ in range(3)]
    random.shuffle(epochs)
    found = folds(epochs, given_settings)
    assert found == folds(sorted(set(named)), given_settings)
    tested = Counter(trial for fold in found for trial in fold.test)
    assert set(tested.values()) <= {1}
    assert set(tested) <= set(named)
    for fold in found:
        train = {at for at, trial in enumerate(epochs) if trial in set(fold.train)}
        test = {at for at, trial in enumerate(epochs) if trial in set(fold.test)}
        assert train
        assert test
        assert not train & test
        assert not {epochs[at] for at in train} & {epochs[at] for at in test}
    assert len({fold.name for fold in found}) == len(found)


@given(trials, settings)
def test_what_a_protocol_trains_on(named: list[Item], given_settings: ProtocolSettings) -> None:
    found = folds(named, given_settings)
    members = Counter(trial[:2] for trial in set(named))
    tested = {trial for fold in found for trial in fold.test}
    for fold in found:
        subjects = {trial[:2] for trial in fold.test}
        if given_settings.protocol == "within":
            assert {trial[:2] for trial in fold.train} == subjects
            assert len(fold.train) + len(fold.test) == members[subjects.copy().pop()]
        elif given_settings.protocol == "pooled":
            assert set(fold.train) | set(fold.test) == set(named)
        else:
            assert len(subjects) == 1
            assert not subjects & {trial[:2] for trial in fold.train}
            assert set(fold.train) | set(fold.test) == set(named)
    if given_settings.protocol == "within":
        assert tested == {trial for trial in named if members[trial[:2]] > 1}
        per_subject = Counter(fold.test[0][:2] for fold in found)
        assert all(count == min(given_settings.folds, members[who]) for who, count in per_subject.items())


def subject(name: str, count: int) -> list[Item]:
    return [("deap", name, f"{name}_v{number:02d}") for number in range(1, count + 1)]


def test_ten_folds_of_forty_trials_test_four_each() -> None:
    found = folds(subject("s01", 40) + subject("s28", 37), ProtocolSettings())
    assert [len(fold.test) for fold in found if fold.name.startswith("deap-s01")] == [4] * 10
    assert sorted(len(fold.test) for fold in found if fold.name.startswith("deap-s28")) == [3] * 3 + [4] * 7


def test_a_subjects_parts_do_not_depend_on_the_others() -> None:
    alone = folds(subject("s01", 9), ProtocolSettings(folds=3))
    assert [
        fold
        for fold in folds(subject("s00", 5) + subject("s01", 9), ProtocolSettings(folds=3))
        if "s01" in fold.name
    ] == alone
    assert folds(subject("s01", 9), ProtocolSettings(folds=3, seed=1)) != alone


def test_pooled_folds_are_even_though_subjects_have_few_trials() -> None:
    many = [trial for number in range(20) for trial in subject(f"s{number:02d}", 3)]
    sizes = [len(fold.test) for fold in folds(many, ProtocolSettings(protocol="pooled"))]
    assert sizes == [6] * 10


def test_a_fold_cannot_be_made_with_a_trial_on_both_sides() -> None:
    with pytest.raises(ValueError, match="trains and tests on"):
        Fold("x", (("deap", "s01", "a"), ("deap", "s01", "b")), (("deap", "s01", "b"),))


@pytest.mark.parametrize(("equal", "middle"), [("low", 0), ("high", 1)])
def test_what_is_high(equal: str, middle: int) -> None:
    given_settings = ProtocolSettings.model_validate({"equal": equal})
    ratings = np.array([1, 4.99, 5, 5.01, 9, np.nan], np.float32)
    assert high(ratings, given_settings).tolist() == [0, 0, middle, 1, 1, -1]


@pytest.mark.parametrize("protocol", ["within", "pooled"])
def test_blocks_are_consecutive_trials_of_every_subject(protocol: str) -> None:
    """Sessions in the order of their numbers: 2, 4, 10, 12 and not 10, 12, 2, 4."""
    named = [("mahnob", "P1", str(number)) for number in (2, 4, 10, 12)]
    named += [("deap", "s01", f"s01_v{number:02d}") for number in (1, 2, 3, 4, 5)]
    found = folds(named, ProtocolSettings(protocol=protocol, deal="blocks", folds=2))
    tested = {
        subject: [sorted(trial[2] for trial in fold.test if trial[1] == subject) for fold in found]
        for subject in ("P1", "s01")
    }
    tested = {subject: [part for part in parts if part] for subject, parts in tested.items()}
    assert tested["P1"] == [["2", "4"], ["10", "12"]]
    assert tested["s01"] == [["s01_v01", "s01_v02", "s01_v03"], ["s01_v04", "s01_v05"]]
    assert found == folds(named, ProtocolSettings(protocol=protocol, deal="blocks", folds=2, seed=7))
