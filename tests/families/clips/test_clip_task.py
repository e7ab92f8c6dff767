"""The recipe of a model of clips, and what selects an epoch."""

import math

import pytest
import torch

from affectssm.families.clips.run_settings import RunSettings
from affectssm.families.clips.stages.task import Sentiment, recipe_of


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_answers_that_are_not_finite_select_no_epoch(task):
    own = Sentiment(torch.nn.Identity(), task)
    if task == "regression":
        answer, target, score = torch.tensor([[1.0], [-2.0], [0.5]]), torch.tensor([0.0, -2.0, 1.0]), -0.5
    else:
        answer, target, score = torch.eye(3), torch.tensor([0, 1, 1]), 2 / 3
    halves = list(zip(answer.split(2), target.split(2), strict=True))
    assert own.score(halves) == pytest.approx(score)
    assert math.isnan(own.score([(answer * torch.nan, target)]))


def test_epochs_become_steps_and_a_baseline_may_have_a_rate_and_a_batch_of_its_own():
    told = {
        "experiment": "x", "model": "tfn", "variant": "", "corpus": "sims", "source": "unaligned",
        "task": "regression", "modalities": ["text"], "left_out": [], "language": "chinese", "seeds": [1],
        "model_settings": {"learning_rate": 5e-3, "batch": 32}, "batch": 128,
        "training": {"epochs": 150, "learning_rate": 5e-4, "halved_every": 50},
    }  # fmt: skip
    names = ("learning_rate", "batch", "steps_per_epoch", "steps", "halved_every", "coupled_decay")
    recipe = recipe_of(RunSettings.model_validate(told), 1368)
    assert [recipe[name] for name in names] == [5e-3, 32, 43, 43 * 150, 43 * 50, True]
    told |= {"model": "coupled_mamba", "model_settings": {}}
    recipe = recipe_of(RunSettings.model_validate(told), 1368)
    assert [recipe[name] for name in names] == [5e-4, 128, 11, 11 * 150, 11 * 50, True]
