"""What selects an epoch of a model of clips."""

import math

import pytest
import torch

from affectssm.families.clips.stages.task import Sentiment


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
