"""The training loop: a fixed number of steps in epochs; the epoch that scores best counts.

A batch is a function of (seed, step) alone, and so is every random number in it: a run that was killed and goes on
after its last finished epoch ends with the same weights as one that was not.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from affectssm.timeline.loader import batch_indices, in_order, make_loader
from affectssm.training.computing import computed
from affectssm.training.ema import WeightAverage
from affectssm.training.optimisers import Group, GroupedAdam
from affectssm.training.resume import ResumeState
from affectssm.training.schedule import halving_factor, rate_factor
from affectssm.training.seeds import mixed

log = logging.getLogger(__name__)


class Task(Protocol):
    """What a model learns, and how it is judged.

    Attributes:
        model: is trained in place.
        score_name: column of the history that holds the score.
    """

    model: nn.Module
    score_name: str

    def to(self, device: torch.device) -> None:
        """Move the model, and what else a batch meets, to a device."""

    def losses(self, batch: Any, seed: int) -> Mapping[str, Tensor]:
        """Return ``loss``, which is minimised, and then its parts, by the history's columns; scalars.

        torch's global generator is seeded with ``seed``; a generator of the task's own is to be seeded with it too.
        """

    def answer(self, batch: Any) -> Sequence[Tensor]:
        """Return what the score needs of a batch."""

    def score(self, answers: Sequence[Sequence[Tensor]]) -> float:
        """Return the score of all batches' answers: the greater the better, NaN where there is none."""


class Training:
    """A task in training, on a GPU where there is one; what selects is the moving average of the weights.

    Args:
        task: what is learnt.
        recipe: ``learning_rate, weight_decay, clip_norm, batch, steps, steps_per_epoch, warmup_steps, ema_decay,
            ema_bias_correction, workers``; ``eps`` of Adam where it is not 1e-8, ``coupled_decay`` where the decay is a
            part of the gradients, ``halved_every`` so many steps in place of the cosine, ``recompute`` and
            ``precision`` (affectssm.training.computing) where they are not none and float32.
        seed: of the run.
        groups: of the parameters, where not all learn alike.

    Attributes:
        average: of the weights.
        step: the number of steps made.
        history: a row for every finished epoch: epoch, step, mean losses, score, learning rate.
        best: the averaged weights of the epoch with the best score, on the CPU; none as long as no score is a number.
        best_score, best_epoch: minus infinity and -1 for as long.
    """

    def __init__(
        self, task: Task, recipe: Mapping[str, Any], seed: int, groups: Sequence[Group] = ()
    ) -> None:
        self.task, self.recipe, self.seed = task, recipe, seed
        self.step = 0
        # MPS has no float64, which scores need
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        alike = Group(list(task.model.parameters()), 1.0, recipe["weight_decay"])
        self.optimiser = GroupedAdam(
            list(groups) or [alike],
            self._rate,
            decoupled=not recipe.get("coupled_decay", False),
            eps=recipe.get("eps", 1e-8),
        )
        self.average = WeightAverage(task.model, recipe["ema_decay"], recipe["ema_bias_correction"])
        self.epochs = math.ceil(recipe["steps"] / recipe["steps_per_epoch"])
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_score, self.best_epoch = float("-inf"), -1

    def run(self, learned: Any, select: Any | None, state: ResumeState) -> None:
        """Run the epochs that are left.

        Args:
            learned: the dataset to learn from, indexed by the numbers of a batch's items.
            select: the dataset that selects the epoch; None where nothing does, and the last weights count.
            state: keeps the unfinished run.
        """
        self.task.to(self.device)
        if (found := state.load()) is not None:
            self._restore(found)
        for epoch in range(len(self.history), self.epochs):
            losses = [self.learn(batch.to(self.device)) for batch in self._batches(learned, epoch)]
            score = float("nan") if select is None else self._select(select, epoch)
            self._close(epoch, losses, score)
            state.save(self._state())

    def learn(self, batch: Any) -> dict[str, float]:
        """Make one step and return its losses."""
        self.task.model.train()
        seed = mixed(self.seed, self.step)
        torch.manual_seed(seed)  # dropout
        with self._computed():
            losses = self.task.losses(batch, seed)
        values = {name: loss.item() for name, loss in losses.items()}
        self.optimiser.zero_grad()
        losses["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.optimiser.parameters, self.recipe["clip_norm"])
        self.optimiser.step()
        self.step += 1
        self.optimiser.rate = self._rate
        self.average.update(self.task.model)
        return values

    def _close(self, epoch: int, losses: Sequence[Mapping[str, float]], score: float) -> None:
        """Add the epoch's row to the history."""
        means = np.mean([list(row.values()) for row in losses], axis=0)
        row = {"epoch": epoch, "step": self.step, **dict(zip(losses[0], means, strict=True))}
        row |= {self.task.score_name: score, "learning_rate": self.optimiser.rate}
        self.history.append({name: float(value) for name, value in row.items()})
        said = f" {self.task.score_name} {score:.4f}" if math.isfinite(score) else ""
        place = f"epoch {epoch + 1}/{self.epochs} step {self.step}/{self.recipe['steps']}"
        log.info("%s loss %.4f%s", place, row["loss"], said)

    def _computed(self) -> AbstractContextManager[None]:
        asked = {name: self.recipe[name] for name in ("recompute", "precision") if name in self.recipe}
        return computed(self.task.model, **asked)

    @property
    def _rate(self) -> float:
        """The learning rate of the next step."""
        recipe = self.recipe
        if every := recipe.get("halved_every"):
            return recipe["learning_rate"] * halving_factor(self.step, every)
        return recipe["learning_rate"] * rate_factor(self.step, recipe["steps"], recipe["warmup_steps"])

    def _batches(self, learned: Any, epoch: int) -> Iterable[Any]:
        """The batches of an epoch; the last epoch may be short."""
        recipe = self.recipe
        first = epoch * recipe["steps_per_epoch"]
        steps = range(first, min(first + recipe["steps_per_epoch"], recipe["steps"]))
        chosen = [batch_indices(len(learned), recipe["batch"], self.seed, step) for step in steps]
        return make_loader(learned, chosen, recipe["workers"])

    def _select(self, select: Any, epoch: int) -> float:
        """Score the averaged weights; keep the best."""
        model = self.task.model.eval()
        own = {name: value.detach().clone() for name, value in model.state_dict().items()}
        averaged = self.average.weights(model)
        model.load_state_dict(averaged)
        chosen = in_order(len(select), self.recipe["batch"])
        with torch.inference_mode(), self._computed():
            batches = make_loader(select, chosen, self.recipe["workers"])
            score = self.task.score([self.task.answer(batch.to(self.device)) for batch in batches])
        model.load_state_dict(own)
        if score > self.best_score:
            self.best_score, self.best_epoch = score, epoch
            self.best = {name: value.cpu() for name, value in averaged.items()}
        return score

    def _state(self) -> dict[str, Any]:
        return {
            "model": self.task.model.state_dict(),
            "optimiser": self.optimiser.state,
            "average": self.average.state_dict(),
            "step": self.step,
            "history": self.history,
            "best": self.best,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.task.model.load_state_dict(state["model"])
        self.optimiser.load(state["optimiser"])
        self.average.load_state_dict(state["average"])
        self.step, self.history, self.best = state["step"], state["history"], state["best"]
        self.best_score, self.best_epoch = state["best_score"], state["best_epoch"]
        self.optimiser.rate = self._rate
