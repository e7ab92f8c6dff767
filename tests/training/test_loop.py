"""The loop with a task that is no dialogue's: a line through points."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from affectssm.errors import ConfigError
from affectssm.training.loop import Training
from affectssm.training.resume import ResumeState

RECIPE = {
    "learning_rate": 0.1, "weight_decay": 0.0, "clip_norm": 1.0, "batch": 8, "steps": 50, "steps_per_epoch": 20,
    "warmup_steps": 5, "ema_decay": 0.5, "ema_bias_correction": True, "workers": 0,
}  # fmt: skip


@dataclass
class Points:
    x: Tensor
    y: Tensor

    def to(self, device):
        return Points(self.x.to(device), self.y.to(device))


class Line(Dataset):
    def __init__(self, count):
        self.x = torch.linspace(-1, 1, count)[:, None]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, numbers):
        return Points(self.x[numbers], 3 * self.x[numbers] + 1)


class Fitted:
    score_name = "closeness"

    def __init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Dropout(0.01), nn.Linear(1, 1))

    def to(self, device):
        self.model.to(device)

    def losses(self, batch, seed):
        error = (self.model(batch.x) - batch.y).square().mean()
        return {"loss": 2 * error, "error": error}

    def answer(self, batch):
        assert not self.model.training and torch.is_inference_mode_enabled()
        return self.model(batch.x).cpu(), batch.y.cpu()

    def score(self, answers):
        found, wanted = (torch.cat(parts) for parts in zip(*answers, strict=True))
        return -(found - wanted).abs().mean().item()


def trained(folder, select, steps=50):
    training = Training(Fitted(), RECIPE | {"steps": steps}, seed=3)
    training.run(Line(30), select, ResumeState(folder, "card", set()))
    return training


def test_the_best_epoch_is_kept_and_the_history_says_how_it_went(tmp_path):
    training = trained(tmp_path, Line(11))
    assert list(training.history[0]) == ["epoch", "step", "loss", "error", "closeness", "learning_rate"]
    assert [row["step"] for row in training.history] == [20, 40, 50], "the last epoch is short"
    assert all(row["loss"] == pytest.approx(2 * row["error"]) for row in training.history)
    assert training.history[-1]["learning_rate"] == 0.0
    scores = [row["closeness"] for row in training.history]
    assert training.best_score == max(scores) > -0.3
    assert training.best_epoch == scores.index(max(scores))
    assert training.best.keys() == training.task.model.state_dict().keys()


def test_without_a_selection_the_last_weights_count(tmp_path):
    training = trained(tmp_path, None)
    assert not training.best and training.best_epoch == -1
    assert all(math.isnan(row["closeness"]) for row in training.history)


@pytest.mark.parametrize("select", [Line(11), None], ids=["selected", "last"])
def test_a_run_goes_on_after_any_epoch(tmp_path, monkeypatch, select):
    whole = trained(tmp_path / "whole", select)
    save = ResumeState.save
    for _ in whole.history:  # every process ends after an epoch
        with monkeypatch.context() as patch:

            def dying(self, state):
                save(self, state)
                raise KeyboardInterrupt

            patch.setattr(ResumeState, "save", dying)
            with pytest.raises(KeyboardInterrupt):
                trained(tmp_path / "parts", select)
    parts = trained(tmp_path / "parts", select)
    averages = [training.average.weights(training.task.model) for training in (whole, parts)]
    for one, other in ((whole.best, parts.best), averages):
        assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert str(whole.history) == str(parts.history)


def test_half_precision_is_refused_on_a_cpu():
    training = Training(Fitted(), RECIPE | {"precision": "bfloat16", "recompute": "all"}, seed=3)
    with pytest.raises(ConfigError, match="bfloat16 on a CPU"):
        training.learn(Line(4)[:])
