"""Scores of a sentiment: worked out by hand for every convention, and equal to what a plain loop finds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from affectssm.families.clips.stages.metrics import (
    CUT,
    ROUNDED,
    classification_sums,
    constant_score,
    reason,
    regression_sums,
    scores,
    total,
    without,
)


def of_numbers(prediction, label, scale=ROUNDED):
    sums = regression_sums(np.array([prediction]), np.array(label), np.zeros(len(label), int), 1, scale)
    return {name: float(values[0]) for name, values in scores(total(sums)).items()}


def of_classes(probability, label):
    sums = classification_sums(np.array([probability]), np.array(label, float), np.zeros(len(label), int), 1)
    return {name: float(values[0]) for name, values in scores(total(sums)).items()}


def plain_f1(answers, truth):
    """Weighted F1 by counting."""
    found = 0.0
    for name in set(truth):
        right = sum(a == t == name for a, t in zip(answers, truth, strict=True))
        f1 = 2 * right / (list(answers).count(name) + list(truth).count(name))
        found += f1 * list(truth).count(name) / len(truth)
    return found


def test_regression_from_minus_three_to_three_by_hand():
    label = [-2.4, -1.0, 0.0, 0.0, 0.5, 1.5, 3.0]
    found = of_numbers([-1.6, 0.2, -0.1, 0.0, 0.0, 2.5, 2.2], label)
    assert found == pytest.approx(
        {
            "mae": 4.4 / 7,
            "corr": np.corrcoef(label, [-1.6, 0.2, -0.1, 0.0, 0.0, 2.5, 2.2])[0, 1],
            # an answer of 0 is not negative here,
            "acc2_has0": 5 / 7, "f1_has0": (2 * 0.5 + 5 * 0.8) / 7,
            # and not positive there
            "acc2_non0": 3 / 5, "f1_non0": (2 * 1 / 2 + 3 * 2 / 3) / 5,
            # halves to even: 0.5 to 0, 1.5 to 2, 2.5 to 2
            "acc3": 6 / 7, "f1_3": found["f1_3"], "acc5": 6 / 7, "acc7": 5 / 7,
        }, abs=1e-6,
    )  # fmt: skip


def test_regression_from_minus_one_to_one_by_hand():
    """Answers are clipped; zero is negative; labels on an edge belong to the class below."""
    label = [-1.0, -0.8, -0.1, 0.0, 0.1, 0.7, 1.0]
    answers = [-1.7, -0.1, 0.0, 0.1, 0.2, 0.8, 0.71]
    found = of_numbers(answers, label, CUT)
    assert found == pytest.approx(
        {
            "mae": 1.39 / 7, "corr": np.corrcoef(label, [-1.0, *answers[1:]])[0, 1],
            "acc2_non_positive": 6 / 7, "f1_non_positive": 6 / 7,
            "acc3": 5 / 7, "f1_3": found["f1_3"], "acc5": 3 / 7,
        }, abs=1e-6,
    )  # fmt: skip


def test_classification_by_hand():
    probability = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.4, 0.3, 0.3], [0.1, 0.5, 0.4], [0.1, 0.2, 0.7]]
    assert of_classes(probability, [-1, -0.5, 0, 2, 0.3]) == pytest.approx(
        {
            "acc3": 2 / 5, "f1_3": (2 * 1 / 2 + 0 + 2 * 2 / 3) / 5,
            "acc2_non_positive": 4 / 5, "f1_non_positive": 4 / 5,
            "acc2_non0": 3 / 4, "f1_non0": (2 / 3 + 4 / 5) / 2,
            "acc2_mmsa_compat": 1 / 4, "f1_mmsa_compat": (2 / 3 + 0) / 2,
        }
    )  # fmt: skip


def test_the_golden_case_always_negative():
    """MMSA's published EF-LSTM row on CH-SIMS, whose test part has 248 negative, 69 neutral and 140 positive clips."""
    label = np.repeat([-0.4, 0.0, 0.6], [248, 69, 140])
    found = of_classes(np.tile([0.9, 0.06, 0.04], (len(label), 1)), label)
    assert {name: f"{100 * value:.2f}" for name, value in found.items() if "non0" not in name} == {
        "acc3": "54.27", "f1_3": "38.18", "acc2_non_positive": "69.37", "f1_non_positive": "56.82",
        "acc2_mmsa_compat": "63.92", "f1_mmsa_compat": "49.85",
    }  # fmt: skip
    # nothing is answered positive: the numbering of the positive makes no difference
    assert (found["acc2_non0"], found["f1_non0"]) == (found["acc2_mmsa_compat"], found["f1_mmsa_compat"])
    numbers = of_numbers(np.full(len(label), -0.5), label, CUT)
    assert f"{100 * numbers['acc2_non_positive']:.2f} {100 * numbers['acc3']:.2f}" == "69.37 54.27"


@pytest.fixture(scope="module")
def drawn():
    generator = np.random.default_rng(5)
    label = np.round(generator.normal(0, 1, 300) * 3) / 3
    answers = label + generator.normal(0, 1, (4, 300))
    return answers.astype(np.float32), label.astype(np.float32), generator.integers(0, 9, 300)


@pytest.mark.parametrize("scale", [ROUNDED, CUT])
def test_numbers_agree_with_a_plain_loop(drawn, scale):
    answers, label, group = drawn
    found = scores(total(regression_sums(answers, label, group, 9, scale)))
    limit = 1 if scale == CUT else np.inf
    for seed, own in enumerate(np.clip(answers, -limit, limit)):
        truth = np.clip(label, -limit, limit)
        assert found["mae"][seed] == pytest.approx(np.abs(own - truth).mean())
        assert found["corr"][seed] == pytest.approx(np.corrcoef(own, truth)[0, 1])
        if scale == ROUNDED:
            some = truth != 0
            assert found["f1_has0"][seed] == pytest.approx(plain_f1(own >= 0, truth >= 0))
            assert found["f1_non0"][seed] == pytest.approx(plain_f1(own[some] > 0, truth[some] > 0))
            assert found["acc7"][seed] == np.mean(
                np.round(np.clip(own, -3, 3)) == np.round(np.clip(truth, -3, 3))
            )
        else:
            assert found["f1_non_positive"][seed] == pytest.approx(plain_f1(own > 0, truth > 0))
            sides = [(values > 0.1).astype(int) - (values <= -0.1) for values in (own, truth)]
            assert found["acc3"][seed] == np.mean(sides[0] == sides[1])


def test_classes_agree_with_a_plain_loop(drawn):
    answers, label, group = drawn
    logits = np.stack([-answers, 0.3 - abs(answers), answers], axis=-1)
    found = scores(total(classification_sums(logits, label, group, 9)))
    truth = np.sign(label) + 1
    for seed, own in enumerate(logits):
        assert found["f1_3"][seed] == pytest.approx(plain_f1(own.argmax(-1), truth))
        positive, some = own[:, 2] > own[:, 0], truth != 1
        assert found["f1_non0"][seed] == pytest.approx(plain_f1(positive[some], truth[some] == 2))
        assert found["f1_mmsa_compat"][seed] == pytest.approx(plain_f1(positive[some] * 1, truth[some]))


@pytest.mark.parametrize("task", [ROUNDED, CUT, "classes"])
def test_without_a_group_is_as_if_it_were_not_there_and_order_does_not_matter(drawn, task):
    answers, label, group = drawn

    def sums(answers, label, group):
        if task == "classes":
            return classification_sums(np.stack([-answers, 0 * answers, answers], -1), label, group, 9)
        return regression_sums(answers, label, group, 9, task)

    whole = sums(answers, label, group)
    others = scores(without(whole))
    for left in range(9):
        kept = group != left
        wanted = scores(total(sums(answers[:, kept], label[kept], group[kept])))
        for name, values in wanted.items():
            np.testing.assert_allclose(others[name][:, left], values, rtol=1e-9)
    order = np.random.default_rng(1).permutation(len(label))
    shuffled = scores(total(sums(answers[:, order], label[order], group[order])))
    for name, values in scores(total(whole)).items():
        np.testing.assert_allclose(shuffled[name], values, rtol=1e-9)
        assert ((values >= -1) & (values <= 1)).all() or name == "mae"


def test_what_is_undefined_is_not_a_number_and_never_zero():
    found = of_numbers([0.1, 0.1, 0.1], [0.0, 1.0, -2.0])
    assert math.isnan(found["corr"]) and "alike" in reason("corr") and found["mae"] > 0
    found = of_numbers([0.5, -0.2], [0.0, 0.0])
    assert math.isnan(found["acc2_non0"]) and math.isnan(found["f1_non0"]) and math.isnan(found["corr"])
    assert found["acc2_has0"] == 0.5 and "negative or positive" in reason("f1_non0")
    found = of_classes([[0.2, 0.5, 0.3]], [0.0])
    assert math.isnan(found["f1_mmsa_compat"]) and found["acc3"] == 1.0


def test_answers_that_are_alike_without_one_group_have_no_correlation_there():
    answers, label = np.array([[0.3, 0.3, 0.3, 1.7]]), np.array([0.1, 0.7, -0.3, 1.1])
    others = scores(without(regression_sums(answers, label, np.array([0, 1, 1, 2]), 3, ROUNDED)))
    assert np.isnan(others["corr"][0]).tolist() == [False, False, True]


def test_an_accuracy_of_a_class_that_nobody_answers_is_zero_and_defined():
    found = of_numbers([1.0, 1.0], [-1.0, -2.0])
    assert (found["acc2_non0"], found["f1_non0"], found["acc7"]) == (0.0, 0.0, 0.0)


def test_the_best_answer_that_is_always_the_same():
    label = np.array([-1.0, 0.0, 0.5, 2.0], np.float32)
    assert constant_score(label, "regression") == ("mae_constant", 3.5 / 4)
    assert constant_score(label, "classification") == ("acc3_constant", 0.5)
