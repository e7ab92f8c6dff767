import itertools

import pytest
import torch

from affectssm.training.ema import WeightAverage
from affectssm.training.schedule import halving_factor, rate_factor


def stepped(decay, correction, values):
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 100.0)
    average = WeightAverage(model, decay, correction)
    for value in values:
        torch.nn.init.constant_(model.weight, value)
        average.update(model)
    return model, average


def test_corrected_average_of_a_constant_is_that_constant():
    model, average = stepped(0.999, True, [3.0, 3.0])
    assert average.weights(model)["weight"].item() == pytest.approx(3.0, rel=1e-5)


def test_corrected_average_is_the_weighted_mean_of_the_steps():
    model, average = stepped(0.9, True, [1.0, 2.0, 3.0])
    expected = (0.81 * 1 + 0.9 * 2 + 3) / (0.81 + 0.9 + 1)
    assert average.weights(model)["weight"].item() == pytest.approx(expected, rel=1e-5)


def test_plain_average_starts_at_the_initial_weights():
    model, average = stepped(0.9, False, [0.0])
    assert average.weights(model)["weight"].item() == pytest.approx(90.0)


def test_state_goes_round():
    model, average = stepped(0.9, True, [1.0, 2.0])
    other = WeightAverage(model, 0.9, True)
    other.load_state_dict(average.state_dict())
    assert torch.equal(other.weights(model)["weight"], average.weights(model)["weight"])


def test_schedule_warms_up_then_falls_to_zero():
    factors = [rate_factor(step, 100, 10) for step in range(101)]
    assert factors[0] == 0.1 and factors[9] == 1.0 and factors[10] == 1.0
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0)
    assert all(a >= b for a, b in itertools.pairwise(factors[10:]))
    assert rate_factor(0, 10, 0) == 1.0


def test_the_rate_is_halved_after_every_so_many_steps():
    assert [halving_factor(step, 2) for step in range(5)] == [1, 1, 0.5, 0.5, 0.25]
